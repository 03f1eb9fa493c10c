// Runs ONNX backend cases (folders with model.onnx and test_data_set_0) with ONNX Runtime and compares its outputs with
// those stored: the largest difference, relative to the largest stored value. Exit code 1 if one exceeds 1e-4.
// Usage: node compare.mjs FOLDER...
import { readFileSync } from 'node:fs';
import { join, basename } from 'node:path';
import ort from 'onnxruntime-node';

const tolerance = 1e-4;

/** Reads a TensorProto of floats with raw data: fields 1 (packed dims) and 9 (bytes). */
function readTensor(path) {
    const bytes = readFileSync(path);
    let at = 0;
    const varint = () => {
        let value = 0, scale = 1;
        for (;;) {
            const b = bytes[at++];
            value += (b & 0x7f) * scale;
            if (b < 0x80) return value;
            scale *= 128;
        }
    };
    const dims = [];
    let data = new Float32Array();
    while (at < bytes.length) {
        const tag = varint();
        if ((tag & 7) === 0) {
            varint();
            continue;
        }
        const end = varint() + at;
        if (tag >> 3 === 1) while (at < end) dims.push(varint());
        else if (tag >> 3 === 9) data = new Float32Array(new Uint8Array(bytes.subarray(at, end)).buffer);
        at = end;
    }
    return { dims, data };
}

let failed = 0;
for (const folder of process.argv.slice(2)) {
    const session = await ort.InferenceSession.create(join(folder, 'model.onnx'));
    const set = join(folder, 'test_data_set_0');
    const input = readTensor(join(set, 'input_0.pb'));
    const expected = readTensor(join(set, 'output_0.pb'));
    const results = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', input.data, input.dims) });
    const actual = results[session.outputNames[0]];
    let largest = 0, difference = 0;
    for (let i = 0; i < expected.data.length; i++) {
        largest = Math.max(largest, Math.abs(expected.data[i]));
        difference = Math.max(difference, Math.abs(expected.data[i] - actual.data[i]));
    }
    const relative = difference / largest;
    const sound = relative <= tolerance && actual.dims.join() === expected.dims.join();
    if (!sound) failed++;
    console.log(`${sound ? 'passed' : 'FAILED'} ${basename(folder)} [${expected.dims}]: largest value ${largest.toPrecision(3)}, difference ${relative.toExponential(1)} of it`);
    await session.release?.();
}
process.exitCode = failed ? 1 : 0;
