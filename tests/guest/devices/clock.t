# The time of day can be set, by root alone.

@boot

  $ date -s '2030-02-03 04:05:06' '+%F %H:%M'
  2030-02-03 04:05
  $ date -s 2030-02-30T00:00:00
  date: 2030-02-30T00:00:00: bad time
  [1]
  $ echo 'date -s 2031-01-01T00:00:00' | login -f -c 'sh' alice; date +%Y
  date: 2031-01-01T00:00:00: Operation not permitted
  2030
