"""A real Postfix with a configuration, a queue and ports of its own, made of examples/postfix.

The fragments are taken as an administrator would: to the end of main.cf and of master.cf.
Only the names of the two services become loopback ports. What comes before them is what the
system has anyway: folders, a certificate, Debian's services. Mail is accepted, queued, discarded;
mail of strangers, if it is for example.com.
"""

import re
import shutil
from pathlib import Path

from lab.certificates import Certificates
from lab.logs import text_with
from lab.ports import LOOPBACK, free_port
from lab.processes import Running, end_session, program, run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "postfix"
LIFETIME_SECONDS = 900  # master(8) ends by itself, should the lab be killed before it can say so

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = gateway.example.com
myorigin = example.com
mydestination =
alias_maps =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
smtpd_peername_lookup = no
smtpd_authorized_xclient_hosts = {xclient_hosts}
relay_domains = example.com
default_transport = discard:
relay_transport = discard:
default_process_limit = 200
smtpd_tls_security_level = may
smtpd_tls_chain_files = {tls.key} {tls.certificate}

"""

# For who has no sasl-policyd: nobody is asked about senders.
_NO_POLICY = """
smtpd_sender_restrictions =
smtpd_data_restrictions =
mua_sender_restrictions =
"""

_MASTER = """\
{listen}:{port} inet n  -       y       -       -       smtpd
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
defer     unix  -       -       y       -       0       bounce
trace     unix  -       -       y       -       0       bounce
flush     unix  n       -       y       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
error     unix  -       -       y       -       -       error
retry     unix  -       -       y       -       -       error
discard   unix  -       -       y       -       -       discard
anvil     unix  -       -       y       -       1       anvil
postlog   unix-dgram n  -       n       -       1       postlogd

"""


class Postfix(Running):
    """A mail gateway: ``smtp`` is its port 25, ``submission`` its 587, ``submissions`` its 465.

    ``auth_socket`` is where it looks for sasl-bridge, ``policy_socket``, with ``policy``, where it
    looks for sasl-policyd; the folder is there, the sockets are not. ``policy_timeout``: how many
    seconds it waits for the latter, if not as long as the examples say.
    With ``xclient`` its clients may say whose address they want to have (XCLIENT_README).
    """

    def __init__(
        self,
        folder: Path,
        tls: Certificates,
        *,
        xclient: bool = False,
        policy: bool = False,
        policy_timeout: int = 5,
    ) -> None:
        self.folder = folder
        self.smtp, self.submission, self.submissions = free_port(), free_port(), free_port()
        self.auth_socket = folder / "queue" / "sasl-bridge" / "auth"
        self.policy_socket = self.auth_socket.with_name("policy")
        self.version = run(program("postconf", "postfix"), "-d", "-h", "mail_version")
        self._configuration = folder / "etc"
        example = (EXAMPLES / "main.cf").read_text()
        if policy:
            example = example.replace("timeout=5s", f"timeout={policy_timeout}s")
        else:
            example += _NO_POLICY
        hosts = "127.0.0.0/8" if xclient else ""
        self._write(_MAIN.format(folder=folder, tls=tls, xclient_hosts=hosts) + example)

    def start(self) -> None:
        """Start it; return once its ports are open."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        daemons = Path(run(program("postconf", "postfix"), "-d", "-h", "daemon_directory"))
        master = (str(daemons / "master"), "-c", str(self._configuration))
        run(program("postfix", "postfix"), "-c", str(self._configuration), "check")
        run(*master, "-w", "-e", str(LIFETIME_SECONDS))

    def stop(self) -> None:
        """End it with all its processes."""
        pid_file = self.folder / "queue" / "pid" / "master.pid"
        if pid_file.exists():
            end_session(int(pid_file.read_text()))
            pid_file.unlink()

    def log_with(self, pattern: str) -> str:
        """Return its log once ``pattern`` is in it; lines go there by way of another process."""
        return text_with(self.folder / "log", pattern)

    def _make_socket_folder(self, folder: Path) -> None:
        """As docs/postfix.md says, but for root: sockets made in it are the group's too."""
        folder.mkdir(parents=True)
        shutil.chown(folder, "root", "postfix")
        folder.chmod(0o2750)

    def _write(self, main: str) -> None:
        self._configuration.mkdir(parents=True)
        self._make_socket_folder(self.auth_socket.parent)
        (self._configuration / "main.cf").write_text(main)
        example = (EXAMPLES / "master.cf").read_text()
        for service in ("submission", "submissions"):
            listener = f"{LOOPBACK}:{getattr(self, service)} "
            example = re.sub(rf"^{service} +(?=inet)", listener, example, flags=re.MULTILINE)
        master = _MASTER.format(listen=LOOPBACK, port=self.smtp) + example
        (self._configuration / "master.cf").write_text(master)
