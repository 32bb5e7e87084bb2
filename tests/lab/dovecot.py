"""A real Dovecot with mailboxes of its own: the remote IMAP server of the tests and the demo.

Knows the configuration of Dovecot 2.3 and of 2.4, which have little in common.
Its delays after a wrong password are off, and so is its limit of sessions for one address:
every login reaches it from the bridge.
"""

import base64
import os
from collections.abc import Mapping
from pathlib import Path

from lab.certificates import Certificates
from lab.ports import LOOPBACK, free_port
from lab.processes import Child, Notifications, Running, kill_group, program, run, start

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
    mode = 0
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {plain_port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service imap {{
  process_limit = 300
}}
"""

_VERSION_2_3 = """\
protocols = imap
disable_plaintext_auth = no
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
protocols {{
  imap = yes
}}
auth_allow_cleartext = yes
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
    """An IMAP server with ``users`` (login: password), ended and started again at will.

    ``port`` stays the same from one start to the next.
    With ``tls`` it speaks TLS from the first byte.
    """

    def __init__(
        self, folder: Path, users: Mapping[str, str], tls: Certificates | None = None
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.configuration = folder / "dovecot.conf"
        self.version = run(program("dovecot", "dovecot-core"), "--version").split()[0]
        self._child: Child | None = None
        self._write(users, tls)

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
        """End it with all its processes; its port refuses connections from then on."""
        if self._child is not None:
            kill_group(self._child.pid)  # its orderly end waits three seconds for its children
            self._child.wait()
            self._child = None

    def _write(self, users: Mapping[str, str], tls: Certificates | None) -> None:
        home = self.folder / "home"
        home.mkdir(parents=True)
        home.chmod(0o1777)
        lines = [f"{login}:{_scheme(password)}\n" for login, password in users.items()]
        (self.folder / "users").write_text("".join(lines))
        self.configuration.write_text(self._text(tls))

    def _text(self, tls: Certificates | None) -> str:
        old = self.version.startswith("2.3.")
        text = "" if old else "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0\n"
        ports = (0, self.port) if tls else (self.port, 0)
        text += (_COMMON + (_VERSION_2_3 if old else _VERSION_2_4)).format(
            listen=LOOPBACK, folder=self.folder, plain_port=ports[0], tls_port=ports[1]
        )
        if tls is None:
            return text + "ssl = no\n"
        if old:
            return text + f"ssl = yes\nssl_cert = <{tls.certificate}\nssl_key = <{tls.key}\n"
        files = f"ssl_server_cert_file = {tls.certificate}\nssl_server_key_file = {tls.key}\n"
        return text + "ssl = yes\n" + files


def _scheme(password: str) -> str:
    """Write a password so that no character of it means anything to the users file."""
    return "{PLAIN.b64}" + base64.b64encode(password.encode()).decode()
