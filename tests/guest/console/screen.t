# There is a login at the screen and one at the serial line. At the screen one types with all kinds of keys, its driver
# may be killed, and it does what programs for a terminal of its kind expect.

@screen
  < login:
  > root
  < #
  > echo $((6 * 7)) "<$TERM>" {A..Z} | tr a-z A-Z; sh -c 'echo star''ted; exec sleep 1000'
  < 42 <LINUX> {A..Z}
  < started
  > ^C
  > echo status $?
  < status 130
  > printf '\033[2J\033[12;30Hin the \033[1;31mmiddle\033[0m\033[1;1H'
  <                              in the middle
@console
  < login:
  > root
  < #
  > echo serial $((6 * 8))
  < serial 48
  > kill -9 $(ps -A | grep ' screen --text' | grep -v grep | cut -c1-5)
  < #
  > echo another one shows this > /dev/tty1
@screen
  < another one shows this
  > echo still $((40 + 3))
  < still 43
  > halt
@halt
