# Loops, conditions and functions work across lines.

  $ for i in a b c; do
  >     echo $i
  > done
  a
  b
  c
  $ i=0
  $ while [ $i -lt 3 ]; do i=$((i + 1)); done; echo $i
  3
  $ case word in w*) echo starts with w;; *) echo other;; esac
  starts with w
  $ f() { echo "called with $1"; return 7; }
  $ f x
  called with x
  [7]
  $ if [ -d / ]; then echo folder; else echo none; fi
  folder
