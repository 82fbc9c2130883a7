# Every server is a process of its own, with its arguments where they are known and its file where they are not.

  $ for server in '\[/hurd/startup\]' '\[/hurd/term\]' proc auth console $DISK_SERVER ext2fs exec; do ps -A | grep -q " $server" || echo "no $server"; done
