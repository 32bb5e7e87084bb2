"""A real Dovecot with mailboxes of its own: the remote server of the tests and the demo.

Serves IMAP and POP3. Knows the configuration of Dovecot 2.3 and of 2.4, which have little in
common. Its delays after a wrong password are off, and so is its limit of sessions for one address:
every login reaches it from the bridge. A test that is about them switches them on.
"""

import base64
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from lab.certificates import Certificates
from lab.logs import text_with
from lab.ports import LOOPBACK, free_port
from lab.processes import Child, Notifications, Running, kill_group, program, run, start

LOGGED_IN = "-login: Info: Log(?:in|ged in): user="
"""What the two versions write into their log about a login that is right."""

_COMMON = """\
listen = {listen}
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
default_process_limit = 300
default_client_limit = 2000
auth_failure_delay = 0
mail_max_userip_connections = 0
first_valid_uid = 1
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = {penalty_socket}
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {ports[imap][plain]}
  }}
  inet_listener imaps {{
    port = {ports[imap][ssl]}
  }}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {ports[pop3][plain]}
  }}
  inet_listener pop3s {{
    port = {ports[pop3][ssl]}
  }}
}}
service imap {{
  process_limit = 300
}}
"""

_VERSION_2_3 = """\
protocols = imap pop3
disable_plaintext_auth = {no_cleartext}
mail_location = maildir:~/mail
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/home/%u
}}
"""

_VERSION_2_4 = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols {{
  imap = yes
  pop3 = yes
}}
auth_allow_cleartext = {cleartext}
mail_driver = maildir
mail_path = ~/mail
passdb passwd-file {{
  passwd_file_path = {folder}/users
}}
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = {folder}/home/%{{user}}
  }}
}}
"""


class Dovecot(Running):
    """An IMAP and POP3 server with ``users`` (login: password), ended and started again at will.

    ``ports[protocol][security]`` stay the same from one start to the next; ``port`` is IMAP's.
    With ``tls`` it offers STARTTLS and STLS, and has ports with TLS from the first byte; ``port``
    is then one of these. ``penalties``: the growing delays for an address that fails are on.
    ``cleartext``: strangers may log in unencrypted. ``settings`` have Dovecot's own names.
    """

    def __init__(
        self,
        folder: Path,
        users: Mapping[str, str],
        tls: Certificates | None = None,
        *,
        penalties: bool = False,
        cleartext: bool = True,
        **settings: str,
    ) -> None:
        self.folder = folder
        self.ports = {"imap": _ports(tls), "pop3": _ports(tls)}
        self.port = self.ports["imap"]["ssl" if tls else "plain"]
        self.configuration = folder / "dovecot.conf"
        self.version = run(program("dovecot", "dovecot-core"), "--version").split()[0]
        self._child: Child | None = None
        text = self._text(penalties=penalties, cleartext=cleartext) + self._tls_text(tls)
        self._write(users, text + "".join(f"{key} = {settings[key]}\n" for key in settings))

    def start(self) -> None:
        """Start it; return once it listens."""
        ready = Notifications(self.folder / "notify")
        environment = os.environ | {"NOTIFY_SOCKET": str(ready.path)}
        command = [program("dovecot", "dovecot-imapd"), "-F", "-c", str(self.configuration)]
        self._child = start(command, env=environment)
        try:
            ready.wait_for("READY=1", self._child)
        except BaseException:
            self.stop()
            raise
        finally:
            ready.close()

    def stop(self) -> None:
        """End it with all its processes; its ports refuse connections from then on."""
        if self._child is not None:
            kill_group(self._child.pid)  # its orderly end waits three seconds for its children
            self._child.wait()
            self._child = None

    def pause(self) -> None:
        """Let it do nothing any more; the kernel still takes connections for it."""
        assert self._child is not None
        os.killpg(self._child.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on where it was."""
        assert self._child is not None
        os.killpg(self._child.pid, signal.SIGCONT)

    def change_users(self, users: Mapping[str, str]) -> None:
        """Know these users (login: password) and no others; it is started anew, if it runs.

        By itself it looks at the file once a second only.
        """
        runs = self._child is not None
        self.stop()
        self._write_users(users)
        if runs:
            self.start()

    def log_with(self, pattern: str, number: int = 1) -> str:
        """Return its log once ``pattern`` is in it so many times."""
        return text_with(self.folder / "log", pattern, number)

    def _write(self, users: Mapping[str, str], text: str) -> None:
        home = self.folder / "home"
        home.mkdir(parents=True)
        home.chmod(0o1777)
        self._write_users(users)
        self.configuration.write_text(text)

    def _write_users(self, users: Mapping[str, str]) -> None:
        lines = [f"{login}:{_scheme(password)}\n" for login, password in users.items()]
        (self.folder / "users").write_text("".join(lines))

    def _text(self, *, penalties: bool, cleartext: bool) -> str:
        version = _VERSION_2_3 if self._is_old() else _VERSION_2_4
        return (version + _COMMON).format(
            listen=LOOPBACK,
            folder=self.folder,
            ports=self.ports,
            penalty_socket="0600" if penalties else "0",
            cleartext="yes" if cleartext else "no",
            no_cleartext="no" if cleartext else "yes",
        )

    def _tls_text(self, tls: Certificates | None) -> str:
        if tls is None:
            return "ssl = no\n"
        if self._is_old():
            return f"ssl = yes\nssl_cert = <{tls.certificate}\nssl_key = <{tls.key}\n"
        files = f"ssl_server_cert_file = {tls.certificate}\nssl_server_key_file = {tls.key}\n"
        return "ssl = yes\n" + files

    def _is_old(self) -> bool:
        return self.version.startswith("2.3.")


def _ports(tls: Certificates | None) -> dict[str, int]:
    plain = free_port()
    return {"plain": plain, "tls": plain, "ssl": free_port() if tls else 0}


def _scheme(password: str) -> str:
    """Write a password so that no character of it means anything to the users file."""
    return "{PLAIN.b64}" + base64.b64encode(password.encode()).decode()
