module github.com/hogflags/hogflags

go 1.26
