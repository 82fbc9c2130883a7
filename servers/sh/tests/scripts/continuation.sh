name=value
echo $\
name $na\
me "$\
name" "$na\
me"s $\
{name} $\
(echo sub) $\
((1 + 2)) a$\
 b
