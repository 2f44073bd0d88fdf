// SPDX-License-Identifier: MIT
//
// Kubernetes manifests against the schemas that Kubernetes publishes, as the npm package kubernetes-models has them.
//
//     kubernetes.mjs check FILE...       types and required members, and members that there are none of
//     kubernetes.mjs json FILE           the documents of a manifest as a JSON array
//
// Run with the packages (kubernetes-models, js-yaml, typescript) installed in the folder that LINFSP_TEST_NODE names. The first two
// kinds of mistake the package's validators find, from the OpenAPI specification; the third they let pass, so the
// documents are also compiled as literals of the package's types, where each excess member is an error.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import path from "node:path";

const folder = process.env.LINFSP_TEST_NODE;
const require = createRequire(path.join(folder, "package.json"));
const yaml = require("js-yaml");
const typescript = require("typescript");

function documentsOf(file) {
    return yaml.loadAll(readFileSync(file, "utf8")).filter((document) => document);
}

function moduleOf({ apiVersion, kind }) {
    return path.join(folder, "node_modules/kubernetes-models", apiVersion, `${kind}.js`);
}

async function mistakesOf(document) {
    let model;
    try {
        model = (await import(pathToFileURL(moduleOf(document))))[document.kind];
    } catch {
        return [`there is no ${document.kind} in ${document.apiVersion}`];
    }
    try {
        new model(document).validate();
    } catch (error) {
        return [error.message];
    }
    return [];
}

function excessMembersOf(documents) {
    const lines = documents.map(
        (document, i) =>
            `import { I${document.kind} as T${i} } from ${JSON.stringify(moduleOf(document))};\n` +
            `export const d${i}: T${i} = ${JSON.stringify(document, null, 1)};`
    );
    const name = path.join(folder, "manifest.mts");
    const options = { strict: true, noEmit: true, skipLibCheck: true, target: "esnext", module: "nodenext", moduleResolution: "nodenext" };
    const converted = typescript.convertCompilerOptionsFromJson(options, folder).options;
    const host = typescript.createCompilerHost(converted);
    const read = host.getSourceFile;
    host.getSourceFile = (file, ...rest) =>
        file === name ? typescript.createSourceFile(name, lines.join("\n"), rest[0]) : read.call(host, file, ...rest);
    const program = typescript.createProgram([name], converted, host);
    return typescript
        .getPreEmitDiagnostics(program)
        .map((diagnostic) => typescript.flattenDiagnosticMessageText(diagnostic.messageText, " "));
}

const [verb, ...files] = process.argv.slice(2);
if (verb === "json") {
    console.log(JSON.stringify(documentsOf(files[0])));
} else if (verb === "check" && files.length > 0) {
    let failed = false;
    for (const file of files) {
        const documents = documentsOf(file);
        const mistakes = (await Promise.all(documents.map(mistakesOf))).flat();
        const all = mistakes.length ? mistakes : excessMembersOf(documents);
        for (const mistake of all) console.error(`${file}: ${mistake}`);
        failed ||= all.length > 0 || documents.length === 0;
        if (!all.length) console.log(`${path.basename(file)}: ${documents.map((document) => document.kind).join(", ")}`);
    }
    process.exitCode = failed ? 1 : 0;
} else {
    console.error("usage: kubernetes.mjs check FILE... | json FILE");
    process.exitCode = 2;
}
