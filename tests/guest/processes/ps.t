# Every server is a process of its own, with its arguments where they are known and its file where they are not.

  $ ps -A | grep -c -e '\[/hurd/startup\]' -e '\[/hurd/term\]'
  2
  $ for server in proc auth console $DISK_SERVER ext2fs exec; do ps -A | grep -q " $server" || echo "no $server"; done
