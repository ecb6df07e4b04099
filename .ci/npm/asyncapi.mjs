import { Parser } from "@asyncapi/parser";
import { readFileSync } from "node:fs";
const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
for (const d of diagnostics) if (d.severity <= 1) console.log(d.severity, d.code, d.message, d.path.join("."));
process.exit(document ? 0 : 1);
