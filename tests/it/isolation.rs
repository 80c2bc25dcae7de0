//! Promise 3, held against every table there is: the list comes from the database itself, so that a new table is tested the day it is
//! made.
