# Debian's nats-server, unpacked and not installed: an installed package would start a service.
apt-get download nats-server || { apt-get update && apt-get download nats-server; } # as root, a fresh machine gets its lists first
dpkg -x nats-server_*.deb package
mv package/usr/sbin/nats-server .
rm -rf package nats-server_*.deb
./nats-server --version
