# What ends the system is told on the screen, too.

@screen
  < login:
  > root
  < #
  > kill -9 $(ps -A | grep -v grep | grep ' auth' | cut -c1-5)
  < The system cannot go on: /hurd/auth ended
