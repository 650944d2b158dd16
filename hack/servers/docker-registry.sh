# Debian's docker-registry, unpacked and not installed: an installed package would start a service.
apt-get download docker-registry || { apt-get update && apt-get download docker-registry; } # as root, a fresh machine gets its lists first
dpkg -x docker-registry_*.deb package
mv package/usr/bin/docker-registry .
rm -rf package docker-registry_*.deb
./docker-registry --version
