# Debian's VictoriaMetrics (single server), unpacked and not installed: an installed package would start a service.
apt-get download victoria-metrics || { apt-get update && apt-get download victoria-metrics; } # as root, a fresh machine gets its lists first
dpkg -x victoria-metrics_*.deb package
mv package/usr/bin/victoria-metrics .
rm -rf package victoria-metrics_*.deb
./victoria-metrics --version
