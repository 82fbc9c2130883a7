# A pipe joins programs, and its status is the last one's.

  $ echo hello | tr a-z A-Z
  HELLO
  $ printf 'c\na\nb\n' | sort | head -n 2
  a
  b
  $ false | true
  $ true | false
  [1]
  $ echo one two three | wc -w | tr -d ' '
  3
