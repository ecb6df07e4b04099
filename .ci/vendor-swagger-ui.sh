#!/usr/bin/env bash
# Takes script, style sheet and licences of Swagger UI, at the version given, from npm into the package.
set -euo pipefail
folder=$(realpath engine/api/http/swagger_ui)
staging=$(mktemp -d)
trap 'rm -rf "$staging"' EXIT
cd "$staging"
tar xzf "$(npm pack --silent "swagger-ui-dist@$1")"
for name in swagger-ui-bundle.js swagger-ui.css; do
	# Their last line names a source map, which is not shipped.
	sed -E '$ s#/[/*]\# sourceMappingURL=.*$##' "package/$name" > "$folder/$name"
done
cp package/LICENSE package/NOTICE package/swagger-ui-bundle.js.LICENSE.txt "$folder/"
sed -i -E "1 s/[0-9.]+$/$1/" "$folder/README.md"
sha256sum "$folder"/swagger-ui-bundle.js "$folder"/swagger-ui.css
