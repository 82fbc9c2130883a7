# With an essential server the whole system ends, and says so.
@console
  < login:
  > root
  < #
  > kill -9 1
@dead
