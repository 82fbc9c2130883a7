# A shell waits for its children and learns their fate.

  $ sh -c 'exit 3' & wait $!; echo $?
  3
  $ { sh -c 'kill -TERM $$'; } 2>/dev/null; echo $?
  143
  $ { sleep 100 & kill $!; wait $!; } 2>/dev/null; echo $?
  143
