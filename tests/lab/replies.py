"""What Postfix tells the mail client, word for word, for each of the three verdicts."""

ACCEPTED = (235, "2.7.0 Authentication successful")
WRONG = (535, "5.7.8 Error: authentication failed: the login or the password is wrong")
TRY_LATER = (
    454,
    "4.7.0 Temporary authentication failure: Connection lost to authentication server",
)
