# Debian's Alertmanager, unpacked and not installed: an installed package would start a service.
apt-get download prometheus-alertmanager || { apt-get update && apt-get download prometheus-alertmanager; } # as root, a fresh machine gets its lists first
dpkg -x prometheus-alertmanager_*.deb package
mv package/usr/bin/prometheus-alertmanager .
# Debian's build wants its templates in a fixed folder. Where it is not installed, they are looked for in the folder it runs in:
# the path in the binary becomes a relative one of the same length.
installed=/usr/share/prometheus/alertmanager
relative=templates/././././././././././././
[[ ${#installed} == "${#relative}" ]] || { echo "The two paths must have the same length." >&2; exit 1; }
LC_ALL=C sed -i "s#$installed#$relative#g" prometheus-alertmanager
mkdir templates
mv package$installed/*.tmpl templates/
rm -rf package prometheus-alertmanager_*.deb
./prometheus-alertmanager --version
