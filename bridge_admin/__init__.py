"""The operator's side: the command line tool and what it stands on."""
