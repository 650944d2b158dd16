# Debian's redis-server, unpacked and not installed: an installed package would start a service. The program itself is in redis-tools.
# Libraries that the machine lacks are unpacked beside it.
packages=(redis-tools liblzf1 libjemalloc2 libatomic1)
apt-get download "${packages[@]}" || { [[ $(id -u) == 0 ]] && apt-get update -q && apt-get download "${packages[@]}"; }
for package in ./*.deb; do dpkg -x "$package" package; done
mkdir lib
find package/usr/lib -name 'lib*.so*' -exec mv -t lib {} +
mv package/usr/bin/redis-check-rdb redis-server # one program, which goes by the name that it is called with
mv package/usr/bin/redis-cli .
rm -rf package ./*.deb
LD_LIBRARY_PATH=$PWD/lib ./redis-server --version
