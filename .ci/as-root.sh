# Sourced: `as_root` becomes the words before a command that takes root; `cannot REASON`, which the caller defines, is
# called where nothing can be installed. Never asks for a password.
command -v apt-get >/dev/null 2>&1 || cannot "this system has no apt-get to install it with"
if [ "$(id -u)" = 0 ]; then
  as_root=()
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
  # shellcheck disable=SC2034 — for the script that sources this one
  as_root=(sudo -n)
else
  cannot "installing it takes root"
fi
export DEBIAN_FRONTEND=noninteractive
