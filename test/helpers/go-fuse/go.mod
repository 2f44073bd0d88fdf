module go-fuse

go 1.19
