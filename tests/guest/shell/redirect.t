# Output and input go where they are sent.

  $ echo first > f; echo second >> f; cat f
  first
  second
  $ wc -l < f | tr -d ' '
  2
  $ sh -c 'echo out; echo err >&2' 2> e > o; cat o e
  out
  err
  $ sh -c 'echo out; echo err >&2' > both 2>&1; sort both
  err
  out
  $ cat << END
  > here $((1 + 1))
  > END
  here 2
