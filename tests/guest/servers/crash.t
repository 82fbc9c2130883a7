# A program that fails ends alone, and its status tells how.

  $ sh -c 'kill -SEGV $$'; echo $?
  139
  $ sh -c 'exit 7'; echo $?
  7
  $ echo still here
  still here
