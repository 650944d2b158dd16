# Debian's prometheus and promtool, unpacked and not installed: an installed package would start a service.
apt-get download prometheus || { apt-get update && apt-get download prometheus; } # as root, a fresh machine gets its lists first
dpkg -x prometheus_*.deb package
mv package/usr/bin/prometheus package/usr/bin/promtool .
rm -rf package prometheus_*.deb
./prometheus --version
