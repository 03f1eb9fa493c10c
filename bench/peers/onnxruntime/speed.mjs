// Images a second of ONNX Runtime on a model, the median of some runs on zeros after one to warm up.
// Usage: node speed.mjs FILE.onnx BATCH RUNS THREADS
import ort from 'onnxruntime-node';

const [file, batch, runs, threads] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const session = await ort.InferenceSession.create(file, { intraOpNumThreads: threads, graphOptimizationLevel: 'all' });
const shape = session.inputMetadata[0].shape.map((extent, axis) => axis === 0 ? batch : extent);
const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b)), shape) };
await session.run(feeds);
const times = [];
for (let i = 0; i < runs; i++) {
    const start = process.hrtime.bigint();
    await session.run(feeds);
    times.push(Number(process.hrtime.bigint() - start) / 1e9);
}
const median = times.sort((a, b) => a - b)[Math.floor(runs / 2)];
console.log(JSON.stringify({ images_per_second: batch / median, seconds: median }));
