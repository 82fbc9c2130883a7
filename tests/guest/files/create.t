# Files and folders are made, moved, copied and removed.

  $ mkdir d; echo text > d/f; ls d
  f
  $ cp d/f d/g; mv d/f d/h; ls d
  g
  h
  $ cat d/g d/h
  text
  text
  $ rmdir d 2>/dev/null
  [1]
  $ rm d/g d/h; rmdir d; ls
  $ mkdir -p a/b/c; rm -r a; ls
