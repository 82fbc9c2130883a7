# A person logs in, stops a program with the interrupt key, and halts the system.

@console
  < login:
  > root
  < #
  > echo $((6 * 7))
  < 42
  > sh -c 'echo star''ted; exec sleep 1000'
  < started
  > ^C
  > echo status $?
  < status 130
  > halt
@halt
