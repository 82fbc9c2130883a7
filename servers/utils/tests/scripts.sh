#: cat
printf 'a\nb' > f; cat f f; cat - < f; echo x | cat f - f; cat nope 2>/dev/null; echo $?
#: head and tail
seq 100 > f; head f; head -n 3 f; head -c 5 f; head -n 2 f f; tail -n 3 f; tail -n +98 f; tail -c 6 f; tail -n 2 < f; head -n 0 f; tail -n 0 f; printf 'no newline' | tail -n 1; seq 5 | head -n 10; tail -c +290 f
#: wc
printf 'one two\nthree\n\nfour' > f; { wc < f; wc -l f; wc -w f; wc -c < f; wc -lw < f; wc -l f f; } | sed 's/^ *//' | tr -s ' '
#: sort
printf 'b 2\na 10\nc 1\na 9\n' > f; sort f; sort -r f; sort -k2n f; sort -k 2,2 -n f; sort -t ' ' -k1,1 -k2,2nr f; sort -u -k1,1 f; printf '10\n9\n-1\n1.5\n1.05\n0\n' | sort -n; printf 'B\na\nC\n' | sort -f; sort -c f; echo $?; sort -o f f; cat f; printf ' b\na\n' | sort -b; printf 'a:3\nb:1\n' | sort -t: -k2
#: uniq
printf 'a\na\nb\nc\nc\nc\n' > f; uniq f; uniq -c f; uniq -d f; uniq -u f; uniq f g; cat g
#: cut
printf 'a:b:c\nd:e\nplain\n' > f; cut -d: -f2 f; cut -d: -f1,3 f; cut -d: -f2- -s f; cut -c1-2 f; cut -b 2 f; cut -c -3,5 f
#: tr
echo Hello | tr a-z A-Z; echo 'a b  c' | tr -s ' '; echo a1b2 | tr -d 0-9; echo a1b2 | tr -cd 'a-z\n'; echo abc | tr abc x; echo 'tab	x' | tr '\t' _; echo hello | tr '[:lower:]' '[:upper:]'
#: grep
printf 'apple\nBanana\ncherry pie\napple pie\n' > f; grep apple f; grep -v apple f; grep -c pie f; grep -n pie f; grep -i banana f; grep -l pie f; grep -q nope f; echo $?; grep -E 'an+a|pie$' f; grep -F 'e p' f; grep -x apple f; grep -w pie f; grep -o 'p.' f; grep -e apple -e cherry f; grep '^a' f f; grep -h '^a' f f; grep '[[:upper:]]' f; grep 'a\{1\}p' f; grep nope nofile 2>/dev/null; echo $?; grep '' f | wc -l
#: cmp
printf 'abc\ndef\n' > a; printf 'abc\ndxf\n' > b; cmp a a; echo $?; cmp a b; echo $?; cmp -s a b; echo $?; cmp -l a b; head -c 3 a > c; cmp a c 2>/dev/null; echo $?; cmp a nope 2>/dev/null; echo $?
#: cksum
printf '' | cksum; printf 'hello\n' > f; cksum f; seq 10000 | cksum
#: seq, yes and printf
seq 3; seq 2 5; seq 10 -3 1; seq 5 1; yes | head -n 2; yes a b | head -n 1; env printf '%5s|%-5d|%x\n' ab 42 255; env printf '%s\n' a b c
#: echo, true and false
env echo a b; env true; echo $?; env false; echo $?
#: test
env test -d . ; echo $?; env test a = b; echo $?; env test 3 -gt 2 -a -n x; echo $?; env test; echo $?
#: basename and dirname
basename /usr/lib/; basename a.c .c; basename .c .c; dirname /usr/lib/; dirname a; dirname /; basename /
#: mkdir and rmdir
mkdir a; mkdir a 2>/dev/null; echo $?; mkdir -p x/y/z; ls -d x/y/z; mkdir -m 700 p; stat -c %a p; umask 077; mkdir -p q/r; stat -c %a q q/r; rmdir a; rmdir x 2>/dev/null; echo $?; rmdir -p x/y/z; ls -d x 2>/dev/null; echo $(($? > 0)); mkdir -p p p; echo $?; rmdir nope 2>/dev/null; echo $?
#: rm
touch a b; rm a; ls; rm a 2>/dev/null; echo $?; rm -f a; echo $?; mkdir -p d/e; touch d/e/f; rm d 2>/dev/null; echo $?; rm -r d; ls; rm -rf nope; echo $?; ln -s b l; rm l; ls
#: cp
echo x > a; cp a b; cat b; mkdir d; cp a b d; ls d; cp -r d e; ls e; cp -r d e; ls e e/d; chmod 640 a; cp -p a c; stat -c %a c; cp d x 2>/dev/null; echo $?; ln -s a l; cp l m; stat -c %F m; cp -r l n; stat -c %F n; cp a a 2>/dev/null; echo $?; cp nope x 2>/dev/null; echo $?; cp a b nodir 2>/dev/null; echo $?
#: mv
echo x > a; mv a b; cat b; ls; mkdir d; mv b d; ls d; mv d e; ls; touch y z; mv y z e; ls e; mv nope x 2>/dev/null; echo $?
#: ln and readlink
echo x > a; ln a b; stat -c %h a; ln -s a s; readlink s; cat s; ln a b 2>/dev/null; echo $?; ln -f a b; echo $?; ln -sf b s; readlink s; mkdir d; ln -s ../a d; readlink d/a; readlink a; echo $?
#: touch
touch -d '2001-02-03T04:05:06' a; stat -c %Y a; touch -r a b; stat -c %Y b; touch -c nope; ls; touch a b c; ls; touch -m -d '2002-01-01T00:00:00' a; stat -c %Y a
#: chmod
touch f; chmod 644 f; chmod u+x,g-r f; stat -c %a f; chmod =r f; stat -c %a f; chmod a=rw f; stat -c %A f; mkdir d; touch d/g; chmod -R 700 d; stat -c %a d d/g; chmod g=u d; stat -c %a d; chmod +X f; stat -c %a f; chmod -x d; stat -c %a d; chmod zz f 2>/dev/null; echo $((! $?)); chmod 600 nope 2>/dev/null; echo $?
#: ls
touch b a .h; mkdir d; touch d/x d/y; ls; ls -a; ls -A; ls -d d; ls -r; ls d a; ls -R; ls nope 2>/dev/null; echo $(($? > 0)); ls -1 d; ls -F; ls -C
#: ls with sizes and times
printf 12345 > big; printf 1 > small; touch -d 2001-01-01T00:00:00 old; touch -d 2010-01-01T00:00:00 new; ls -S big small; ls -t old new; ls -tr old new; chmod 644 *; ls -ln | tr -s ' ' | cut -d' ' -f1,2,5
#: ls of links
ln -s nowhere l; touch f; ln -s f g; ls; ls -l l | sed 's/.* l/l/'; ls -F
#: find
mkdir -p a/b/c; touch a/x.c a/b/y.c a/b/c/z.h; find a | sort; find a -name '*.c' | sort; find a -type d | sort; find a -type f -name '*.h'; find a -maxdepth 1 | sort; find a -name b -prune -o -type f -print; find a -type f -exec echo got {} ';' | sort; find a -name '*.c' -exec echo {} + | wc -l; find a ! -type d | sort; find a \( -name '*.c' -o -name '*.h' \) | sort; find a -depth | head -n 1; find a -empty | sort; find a -name '*.h' -delete; find a -name '*.h'; find nope 2>/dev/null; echo $?; find a -mindepth 2 | sort; find a -newer a/x.c -name zzz; find a -size 0 -type f | wc -l; find a -perm -u+r -type d | wc -l
#: dd
seq 1000 > f; dd if=f of=g bs=100 count=3 2>/dev/null; wc -c < g; dd if=f bs=10 skip=2 count=1 2>/dev/null; dd if=f of=g bs=1 seek=5 count=3 conv=notrunc 2>/dev/null; wc -c < g; echo abc | dd conv=ucase 2>/dev/null; dd if=f of=h ibs=7 obs=50 2>/dev/null; cmp f h; dd if=f of=h bs=1k count=1 conv=sync 2>/dev/null; wc -c < h; dd if=f of=k bs=10 seek=3 count=1 2>/dev/null; wc -c < k; dd if=f of=/dev/null bs=100 count=2 2>&1 | head -n 2
#: tee
echo hi | tee a b; cat a b; echo more | tee -a a > /dev/null; cat a
#: env
env -i a=1 b=2 env | sort; env -u HOME x=1 sh -c 'echo $x'; env -i /bin/echo ok; env nope 2>/dev/null; echo $?
#: date
date -u -d @0 > /dev/null 2>&1; date +%% ; [ "$(date +%Y)" -gt 2000 ] && echo ok; date +%Y-%m-%d | wc -c; date +%j | wc -c
#: id
id -u; id -g; id -un; id -gn; id | cut -d' ' -f1
#: sleep
sleep 0; echo $?; sleep 0.1; echo $?; sleep x 2>/dev/null; echo $(($? > 0))
#: pwd
mkdir d; cd d; pwd | sed 's/.*hird-utils-[0-9]*-[a-z]*//'; pwd -P | sed 's/.*hird-utils-[0-9]*-[a-z]*//'
#: mkfifo
mkfifo p; stat -c %F p; echo x > p & cat p; mkfifo -m 600 q; stat -c %a q; mkfifo p 2>/dev/null; echo $?
#: chown
touch f; chown $(id -u):$(id -g) f; echo $?; chown nosuchuser f 2>/dev/null; echo $?
#: unknown options
cat -Z 2>/dev/null; echo $(($? > 0)); wc -Z 2>/dev/null; echo $(($? > 0)); mkdir 2>/dev/null; echo $(($? > 0))
