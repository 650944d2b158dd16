# Ruby, for the plug-ins of log routes in Fluentd. Fluentd itself is in no package registry that builds reach. Nothing is installed.
packages=(ruby3.1 libruby3.1)
if [[ ! -e /usr/lib/x86_64-linux-gnu/libgmp.so.10 ]]; then packages+=(libgmp10); fi
apt-get download "${packages[@]}" || { [[ $(id -u) == 0 ]] && apt-get update -q && apt-get download "${packages[@]}"; }
for package in ./*.deb; do dpkg -x "$package" .; done
rm -f ./*.deb
cat >ruby <<'EOF'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
multi=$here/usr/lib/x86_64-linux-gnu
LD_LIBRARY_PATH=$multi RUBYLIB=$here/usr/lib/ruby/3.1.0:$multi/ruby/3.1.0${RUBYLIB:+:$RUBYLIB} exec "$here/usr/bin/ruby3.1" --disable-gems "$@"
EOF
chmod +x ruby
./ruby -rjson -rnet/http -ropenssl -rzlib -e 'puts JSON.generate("ruby" => RUBY_VERSION)'
