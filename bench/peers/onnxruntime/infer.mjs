// Times forward passes of an ONNX file with ONNX Runtime's CPU engine on made-up images: the counterpart of
// 'cnnsharp bench infer'. Prints one JSON object.
// Usage: node infer.mjs MODEL.onnx BATCH STEPS THREADS
import { readFileSync } from 'node:fs';
import ort from 'onnxruntime-node';

const [path, batch, steps, threads] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const session = await ort.InferenceSession.create(path, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
});
const [height, width, channels] = [224, 224, 3];
const pixels = new Float32Array(batch * channels * height * width);
for (let i = 0; i < pixels.length; i += 2) {
    // Box and Muller's two normal numbers from two uniform ones.
    const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
    const angle = 2 * Math.PI * Math.random();
    pixels[i] = radius * Math.cos(angle);
    pixels[i + 1] = radius * Math.sin(angle);
}
const feeds = { [session.inputNames[0]]: new ort.Tensor('float32', pixels, [batch, channels, height, width]) };

const begin = performance.now();
for (let i = 0; i < 3 || performance.now() - begin < 1000; i++) await session.run(feeds);
const seconds = [];
const before = process.cpuUsage();
for (let i = 0; i < steps; i++) {
    const start = performance.now();
    await session.run(feeds);
    seconds.push((performance.now() - start) / 1000);
}
const used = process.cpuUsage(before);
seconds.sort((a, b) => a - b);
const median = (seconds[(steps - 1) >> 1] + seconds[steps >> 1]) / 2;
console.log(JSON.stringify({ images_per_second: batch / median, step_seconds: median, processor_seconds: (used.user + used.system) / 1e6 / steps, onnxruntime: ort.env.versions.node }));
