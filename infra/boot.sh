# Makes an encoder of a stock Debian 12 machine, or of an image that has some of it already. Runs as root, at the end of the user data,
# after the lines that set its variables. A second run does no harm. A machine that cannot be made to work is powered off, which ends
# it, because it would cost money for nothing. With BOOT_BAKE=1 it prepares an image: it installs, starts nothing and ends no machine.
set -Eeuo pipefail
umask 022
line='?'
end() {
  local status=$?
  trap - EXIT ERR
  rm -rf "${folder:-}"
  if [ "$status" -ne 0 ]; then
    say "failed at line $line"
    if [ -z "${BOOT_BAKE:-}" ]; then
      say "powering off"
      systemctl poweroff || systemctl poweroff --force
    fi
  fi
  exit "$status"
}
say() { echo "nommer boot: $*" >&2; }
trap 'line=$LINENO' ERR
trap end EXIT
# For a step that hangs.
if [ -z "${BOOT_BAKE:-}" ]; then
  systemctl stop nommer-boot-limit.timer 2>/dev/null || true
  systemd-run --quiet --unit=nommer-boot-limit --on-active=20min systemctl poweroff
fi
imds=${BOOT_IMDS:-http://169.254.169.254}
s3=${BOOT_S3:-https://$BOOT_BUCKET.s3.$AWS_REGION.amazonaws.com}
if ! [[ $BOOT_PACKAGE_SHA256 =~ ^[0-9a-f]{64}$ ]]; then
  say "EncoderPackageSha256 is no checksum"
  false
fi
folder=$(mktemp -d)

try() {
  for _ in 1 2 3 4 5 6; do
    "$@" && return
    sleep "${BOOT_PAUSE:-10}"
  done
  return 1
}
if ! command -v ffmpeg >/dev/null || ! command -v ffprobe >/dev/null || ! command -v curl >/dev/null; then
  say "installing ffmpeg"
  export DEBIAN_FRONTEND=noninteractive
  try apt-get -qq update
  try apt-get -qq --option=DPkg::Lock::Timeout=120 install --yes --no-install-recommends ca-certificates curl ffmpeg >/dev/null
fi

# Secrets go through pipes, so that no list of processes shows them.
ask() {
  printf 'header = "X-aws-ec2-metadata-token: %s"\n' "$1" |
    curl --silent --show-error --fail --max-time 5 --config - "$imds/latest/meta-data/iam/security-credentials/$2"
}
field() { sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }
fetch() {
  local token role keys
  token=$(curl --silent --show-error --fail --max-time 5 --request PUT \
    --header 'X-aws-ec2-metadata-token-ttl-seconds: 300' "$imds/latest/api/token") || return 1
  role=$(ask "$token" '') || return 1
  keys=$(ask "$token" "$role") || return 1
  printf 'user = "%s:%s"\nheader = "x-amz-security-token: %s"\n' \
    "$(field AccessKeyId <<<"$keys")" "$(field SecretAccessKey <<<"$keys")" "$(field Token <<<"$keys")" |
    curl --silent --show-error --fail --max-time 300 --config - --aws-sigv4 "aws:amz:$AWS_REGION:s3" \
      --header 'x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' \
      --output "$folder/package" "$s3/$BOOT_PACKAGE_KEY"
}
# The checksum of what is installed: of this image, or by an earlier run.
stamp=/usr/local/lib/nommer-encoder.sha256
if [ "$(cat "$stamp" 2>/dev/null)" != "$BOOT_PACKAGE_SHA256" ]; then
  # The package may be uploaded right after the stack was made.
  say "fetching $BOOT_PACKAGE_KEY"
  tries=0
  until fetch; do
    tries=$((tries + 1))
    test "$tries" -lt "${BOOT_TRIES:-60}"
    sleep "${BOOT_PAUSE:-10}"
  done
  sha256sum --check --quiet - <<<"$BOOT_PACKAGE_SHA256  $folder/package"
  tar --extract --gzip --no-same-owner --file "$folder/package" --directory "$folder"
  rm -f "$stamp"
  install -D -m 0755 "$folder/nommer-encoder" /usr/local/bin/nommer-encoder
  install -D -m 0644 "$folder/nommer-encoder.service" /etc/systemd/system/nommer-encoder.service
  echo "$BOOT_PACKAGE_SHA256" >"$stamp"
fi
if [ -n "${BOOT_BAKE:-}" ]; then
  say "the image is ready"
  exit
fi
mkdir -p /etc/nommer
env | grep -E '^(NOMMER_[A-Z0-9_]+|AWS_REGION|AWS_ENDPOINT_URL)=' >/etc/nommer/encoder.env
systemctl daemon-reload
systemctl enable --now nommer-encoder.service
systemctl stop nommer-boot-limit.timer
say "the encoder runs"
