#!/bin/sh
# Makes the keys and certificates of the tests anew. They are worth nothing: everybody has them.
set -eu
cd "$(dirname "$0")"
days=36500
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
# authority NAME
authority() {
  key "$1"
  openssl req -x509 -new -key "$1.key" -days $days -subj "/CN=$1" -out "$1.crt" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
}
# leaf NAME AUTHORITY SUBJECT-ALT-NAMES
leaf() {
  key "$1"
  openssl req -new -key "$1.key" -subj "/CN=$1" -addext "subjectAltName=$3" |
    openssl x509 -req -CA "$2.crt" -CAkey "$2.key" -days $days -copy_extensions copy -out "$1.crt"
}
authority ca
authority stranger-ca
leaf gateway ca DNS:gateway.example.com,DNS:localhost,IP:127.0.0.1
leaf renewed ca DNS:gateway.example.com,DNS:localhost,IP:127.0.0.1
leaf other ca DNS:*.other.example.com
leaf upstream ca DNS:upstream.example.com
leaf client ca DNS:client.example.com
leaf stranger stranger-ca DNS:localhost,IP:127.0.0.1
rm -f ./*.srl
