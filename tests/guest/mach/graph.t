# Who holds which right to what can be seen: root sees the whole system, others what is theirs.

  $ portinfo --json | tr -d '\n'; echo
  tasks ports accounts (json)
  $ portinfo --json > /tmp/graph
  $ grep -c '"command":"[a-z/]*proc"' /tmp/graph
  1
  $ grep -c '"command":"","name":"startup"' /tmp/graph
  1
  $ grep '^{"port":' /tmp/graph | grep -c '"receiver":{"kind":"of-host"'
  1
  $ portinfo -v $$ | grep -c 'send -> ' > /dev/null && echo there are
  there are
  $ login -f -c 'portinfo --json' alice > /tmp/hers
  $ tr -d '\n' < /tmp/hers; echo
  tasks ports accounts (json)
  $ grep -c hurd /tmp/hers
  0
  [1]
  $ grep -c '"command":"portinfo --json"' /tmp/hers
  1
  $ tail -n 2 /tmp/hers
  "ports":[],
  "accounts":[]}
  $ vmstat -a | head -n 2
  ACCOUNT ABOVE   MEMORY K    LIMIT K  OBJECTS K    LIMIT K     RIGHTS      LIMIT
        0     - * - * - * - (glob)
  $ login -f -c 'vmstat -a' alice
  vmstat: accounts: Operation not permitted
  [1]
  $ portinfo --json 1
  usage: portinfo [-v] pid... | --json
  [2]
  $ portinfo
  usage: portinfo [-v] pid... | --json
  [2]
