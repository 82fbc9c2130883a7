# A person logs in, stops a program with the interrupt key, and halts the system.

@console
  < login:
  > root
  < #
  > echo $((6 * 7))
  < 42
  > sleep 1000
  > ^C
  > echo status $?
  < status 130
  > halt
@halt
