# A file's mode keeps other users out.

@user alice

  $ id -u
  1000
  $ echo secret > f; chmod 000 f; cat f 2>/dev/null
  [1]
  $ chmod 600 f; cat f
  secret
  $ echo x 2>/dev/null > /etc/passwd || echo refused
  refused
  $ ls /root 2>/dev/null || echo refused
  refused
