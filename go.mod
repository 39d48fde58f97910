module github.com/hogflags/hogflags

go 1.26

require github.com/dlclark/regexp2/v2 v2.12.0
