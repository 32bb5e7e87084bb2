"""AuthConnection against a model: whose turn it is, and which final reply is still owed."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sasl_bridge.protocol.connection import (
    AuthConnection,
    AuthRequest,
    Broken,
    Cancelled,
    Event,
    Limits,
)

IDS = st.integers(1, 4)
LIMITS = Limits(verifying=3, waiting=2, waiting_seconds=100.0)

UNEXPECTED = b"FAIL\t%d\treason=Unexpected continuation\n"
UNKNOWN = b"FAIL\t%d\treason=Authentication request timed out\n"
BAD_FIRST = b"FAIL\t%d\tcode=invalid_base64\treason=Invalid base64 data in initial response\n"
BAD_NEXT = b"FAIL\t%d\tcode=invalid_base64\treason=Invalid base64 data in continued response\n"
USERNAME, PASSWORD = b"CONT\t%d\tVXNlcm5hbWU6\n", b"CONT\t%d\tUGFzc3dvcmQ6\n"


class Conversation(RuleBasedStateMachine):
    """One client program that keeps the order of lines, and an owner that may answer anything."""

    @initialize(minor=st.integers(0, 2))
    def connect(self, minor: int = 0) -> None:
        self.connection = AuthConnection(
            pid=1, cuid=1, cookie="0" * 32, gate=lambda _: None, limits=LIMITS
        )
        self.minor = minor
        self.now = 0.0
        self.dead = False
        self.waiting: dict[int, tuple[float, int]] = {}  # id -> begun, prompts still to come
        self.verifying: dict[int, AuthRequest] = {}
        self.handed_out: list[AuthRequest] = []
        self.finals: dict[int, int] = {}  # id(request) -> final replies
        self.connection.data_to_send()
        self.send(b"VERSION\t1\t%d\nCPID\t1\n" % minor)

    def send(self, line: bytes) -> Event | None:
        self.connection.receive_data(line, self.now)
        event = self.connection.next_event()
        assert event is None or self.connection.next_event() is None
        return event

    def sent(self) -> bytes:
        return self.connection.data_to_send()

    def take(self, event: Event | None, number: int) -> None:
        assert isinstance(event, AuthRequest)
        assert event.id == number
        self.verifying[number] = event
        self.handed_out.append(event)
        self.finals[id(event)] = 0

    def die(self) -> None:
        self.dead = True
        self.waiting.clear()
        self.verifying.clear()

    def free_to_send(self) -> bool:
        return not self.dead and len(self.verifying) < LIMITS.verifying

    def breach_if_active(self, event: Event | None, number: int) -> bool:
        if number not in self.waiting and number not in self.verifying:
            return False
        assert event == Broken("AUTH with the id of a request that is not over")
        self.die()
        return True

    @precondition(free_to_send)
    @rule(number=IDS, service=st.sampled_from([b"smtp", b"imap"]))
    def auth_plain(self, number: int, service: bytes) -> None:
        event = self.send(b"AUTH\t%d\tPLAIN\tservice=%b\tresp=AGEAYg==\n" % (number, service))
        if not self.breach_if_active(event, number):
            self.take(event, number)
        assert self.sent() == b""

    @precondition(free_to_send)
    @rule(number=IDS)
    def auth_bad_base64(self, number: int) -> None:
        event = self.send(b"AUTH\t%d\tPLAIN\tservice=smtp\tresp=!\n" % number)
        breach = self.breach_if_active(event, number)
        assert self.sent() == (b"" if breach else BAD_FIRST % number)

    @precondition(free_to_send)
    @rule(number=IDS)
    def auth_login(self, number: int) -> None:
        event = self.send(b"AUTH\t%d\tLOGIN\tservice=smtp\n" % number)
        if self.breach_if_active(event, number):
            assert self.sent() == b""
            return
        assert event is None
        assert self.sent() == USERNAME % number
        self.waiting[number] = (self.now, 1)
        if len(self.waiting) > LIMITS.waiting:
            del self.waiting[next(iter(self.waiting))]

    @precondition(free_to_send)
    @rule(number=IDS, valid=st.booleans())
    def cont(self, number: int, valid: bool) -> None:
        event = self.send(b"CONT\t%d\t%b\n" % (number, b"YQ==" if valid else b"*"))
        if number in self.verifying:
            request = self.verifying.pop(number)
            assert event == Cancelled(request)
            self.finals[id(request)] += 1
            assert self.sent() == UNEXPECTED % number
        elif number not in self.waiting:
            assert event is None
            assert self.sent() == UNKNOWN % number
        elif not valid:
            del self.waiting[number]
            assert self.sent() == BAD_NEXT % number
        elif self.waiting[number][1]:
            self.waiting[number] = (self.waiting[number][0], 0)
            assert self.sent() == PASSWORD % number
        else:
            del self.waiting[number]
            self.take(event, number)

    @precondition(free_to_send)
    @rule(number=IDS)
    def cancel(self, number: int) -> None:
        event = self.send(b"CANCEL\t%d\n" % number)
        self.waiting.pop(number, None)
        request = self.verifying.pop(number, None)
        assert event == (Cancelled(request) if request else None)
        assert self.sent() == b""

    @precondition(lambda self: self.handed_out)
    @rule(data=st.data(), answer=st.sampled_from(["accept", "reject", "unavailable"]))
    def answer(self, data: st.DataObject, answer: str) -> None:
        request = data.draw(st.sampled_from(self.handed_out), label="request")
        due = self.verifying.get(request.id) is request
        if due:
            del self.verifying[request.id]
            self.finals[id(request)] += 1
        match answer:
            case "accept":
                self.connection.accept(request, "a@example.com")
                expected = b"OK\t%d\tuser=a@example.com\n" % request.id
            case "reject":
                self.connection.reject(request, "no")
                expected = b"FAIL\t%d\treason=no\n" % request.id
            case _:
                self.connection.unavailable(request)
                expected = self.expected_trouble(request) if due else b""
        assert self.sent() == (expected if due else b"")
        assert self.finals[id(request)] <= 1

    def expected_trouble(self, request: AuthRequest) -> bytes:
        if self.verifying and (request.parameters.service == "imap" or self.minor >= 2):
            return b"FAIL\t%d\tuser=a\tcode=temp_fail\ttemp\n" % request.id
        self.die()
        return b""

    @rule(seconds=st.sampled_from([1.0, 60.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        self.connection.expire(self.now)
        for number, (begun, _) in list(self.waiting.items()):
            if self.now - begun >= LIMITS.waiting_seconds:
                del self.waiting[number]
        assert self.sent() == b""

    @precondition(lambda self: not self.dead and len(self.verifying) == LIMITS.verifying)
    @rule()
    def full(self) -> None:
        assert self.connection.at_capacity
        assert self.send(b"CANCEL\t9\n") is None

    @rule()
    def client_leaves(self) -> None:
        self.connection.receive_eof()
        self.die()

    @precondition(lambda self: self.dead)
    @rule(minor=st.integers(0, 2))
    def connect_again(self, minor: int) -> None:
        assert self.send(b"AUTH\t1\tLOGIN\tservice=smtp\n") is None
        assert self.sent() == b""
        self.connect(minor)

    @invariant()
    def counts_agree(self) -> None:
        assert self.connection.hung_up == self.dead
        assert self.connection.waiting == len(self.waiting) <= LIMITS.waiting
        assert self.connection.verifying == len(self.verifying) <= LIMITS.verifying


TestConversation = Conversation.TestCase
