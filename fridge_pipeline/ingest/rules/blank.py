"""What counts as blank around any value."""

from __future__ import annotations

#: What Unicode calls white space, the ASCII separators, and what takes no room on a screen: byte order marks, joiners
#: and marks of direction, which spreadsheets and copying leave behind. Nobody could tell two ids by them.
BLANK = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u180e"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u200e\u200f"
    "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f\u205f\u2060\u2066\u2067\u2068\u2069\u3000\ufeff"
)
