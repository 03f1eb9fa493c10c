using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace CnnSharp.Kernels.Cpu;

// Limited by memory: each buffer is read or written once. A task has Chunk consecutive elements, whole vectors but for
// the buffer's last few elements, which are loaded and stored under a mask. Here and in the files beside this one, task
// bodies ask for full optimization at once: a loop of vectors in the JIT's first tier is ten times slower, for seconds.
/// <summary>Element-wise functions.</summary>
sealed unsafe partial class ElementwiseKernels<V>(CpuKernels<V> kernels) : CpuKernelFamily<V>(kernels), IElementwiseKernels
    where V : unmanaged, IVector<V>
{
    /// <inheritdoc/>
    public void Unary(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y)
    {
        switch (op)
        {
            case UnaryOp.Relu: Map<ReluFunction>(a, x, y); break;
            case UnaryOp.LeakyRelu: Map<LeakyReluFunction>(a, x, y); break;
            case UnaryOp.Elu: Map<EluFunction>(a, x, y); break;
            case UnaryOp.Sigmoid: Map<SigmoidFunction>(a, x, y); break;
            case UnaryOp.Tanh: Map<TanhFunction>(a, x, y); break;
            case UnaryOp.Gelu: Map<GeluFunction>(a, x, y); break;
            case UnaryOp.Silu: Map<SiluFunction>(a, x, y); break;
            case UnaryOp.Softplus: Map<SoftplusFunction>(a, x, y); break;
            case UnaryOp.Exp: Map<ExpFunction>(a, x, y); break;
            case UnaryOp.Log: Map<LogFunction>(a, x, y); break;
            case UnaryOp.Sqrt: Map<SqrtFunction>(a, x, y); break;
            case UnaryOp.Abs: Map<AbsFunction>(a, x, y); break;
            case UnaryOp.Square: Map<SquareFunction>(a, x, y); break;
            case UnaryOp.MultiplyScalar: Map<ScaleFunction>(a, x, y); break;
            case UnaryOp.AddScalar: Map<OffsetFunction>(a, x, y); break;
            case UnaryOp.Erf: Map<ErfFunction>(a, x, y); break;
            case UnaryOp.Floor: Map<Scalar<FloorFunction>>(a, x, y); break;
            case UnaryOp.Ceiling: Map<Scalar<CeilingFunction>>(a, x, y); break;
            case UnaryOp.Round: Map<Scalar<RoundFunction>>(a, x, y); break;
            case UnaryOp.Sign: Map<SignFunction>(a, x, y); break;
            case UnaryOp.Sin: Map<Scalar<SinFunction>>(a, x, y); break;
            case UnaryOp.Cos: Map<Scalar<CosFunction>>(a, x, y); break;
            case UnaryOp.Tan: Map<Scalar<TanFunction>>(a, x, y); break;
            case UnaryOp.Asin: Map<Scalar<AsinFunction>>(a, x, y); break;
            case UnaryOp.Acos: Map<Scalar<AcosFunction>>(a, x, y); break;
            case UnaryOp.Atan: Map<Scalar<AtanFunction>>(a, x, y); break;
            case UnaryOp.Sinh: Map<Scalar<SinhFunction>>(a, x, y); break;
            case UnaryOp.Cosh: Map<Scalar<CoshFunction>>(a, x, y); break;
            case UnaryOp.Asinh: Map<Scalar<AsinhFunction>>(a, x, y); break;
            case UnaryOp.Acosh: Map<Scalar<AcoshFunction>>(a, x, y); break;
            case UnaryOp.Atanh: Map<Scalar<AtanhFunction>>(a, x, y); break;
            default: throw new ArgumentOutOfRangeException(nameof(op), op, "unknown function of one input");
        }
    }

    /// <inheritdoc/>
    public void UnaryBackward(UnaryOp op, float a, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx)
    {
        switch (op)
        {
            case UnaryOp.Relu: MapBackward<ReluFunction>(a, x, y, dy, dx); break;
            case UnaryOp.LeakyRelu: MapBackward<LeakyReluFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Elu: MapBackward<EluFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Sigmoid: MapBackward<SigmoidFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Tanh: MapBackward<TanhFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Gelu: MapBackward<GeluFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Silu: MapBackward<SiluFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Softplus: MapBackward<SoftplusFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Exp: MapBackward<ExpFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Log: MapBackward<LogFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Sqrt: MapBackward<SqrtFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Abs: MapBackward<AbsFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Square: MapBackward<SquareFunction>(a, x, y, dy, dx); break;
            case UnaryOp.MultiplyScalar: MapBackward<ScaleFunction>(a, x, y, dy, dx); break;
            case UnaryOp.AddScalar: MapBackward<OffsetFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Floor or UnaryOp.Ceiling or UnaryOp.Round or UnaryOp.Sign: MapBackward<StepFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Erf: MapBackward<ErfFunction>(a, x, y, dy, dx); break;
            case UnaryOp.Sin: MapBackward<Scalar<SinFunction>>(a, x, y, dy, dx); break;
            case UnaryOp.Cos: MapBackward<Scalar<CosFunction>>(a, x, y, dy, dx); break;
            case UnaryOp.Tan: MapBackward<Scalar<TanFunction>>(a, x, y, dy, dx); break;
            case UnaryOp.Asin: MapBackward<Scalar<AsinFunction>>(a, x, y, dy, dx); break;
            case UnaryOp.Acos: MapBackward<Scalar<AcosFunction>>(a, x, y, dy, dx); break;
            case UnaryOp.Atan: MapBackward<Scalar<AtanFunction>>(a, x, y, dy, dx); break;
            case UnaryOp.Sinh: MapBackward<Scalar<SinhFunction>>(a, x, y, dy, dx); break;
            case UnaryOp.Cosh: MapBackward<Scalar<CoshFunction>>(a, x, y, dy, dx); break;
            case UnaryOp.Asinh: MapBackward<Scalar<AsinhFunction>>(a, x, y, dy, dx); break;
            case UnaryOp.Acosh: MapBackward<Scalar<AcoshFunction>>(a, x, y, dy, dx); break;
            case UnaryOp.Atanh: MapBackward<Scalar<AtanhFunction>>(a, x, y, dy, dx); break;
            default: throw new ArgumentOutOfRangeException(nameof(op), op, "unknown function of one input");
        }
    }

    void Map<F>(float a, DeviceBuffer x, DeviceBuffer y)
        where F : struct, IFunction
        => Workers.Run(new MapWork<F>(x.ReadOnlyPointer<float>(), y.Pointer<float>(), a, y.Length), Chunks(y.Length));

    void MapBackward<F>(float a, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer dx)
        where F : struct, IFunction
        => Workers.Run(new MapBackwardWork<F>(x.ReadOnlyPointer<float>(), y.ReadOnlyPointer<float>(), dy.ReadOnlyPointer<float>(), dx.Pointer<float>(), a, dx.Length), Chunks(dx.Length));

    readonly struct MapWork<F>(float* x, float* y, float a, long count) : IWork
        where F : struct, IFunction
    {
        readonly float* x = x, y = y;
        readonly float a = a;
        readonly long count = count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var (i, whole, rest) = ChunkOf(task, count);
            var parameter = V.Create(a);
            for (; i < whole; i += V.Count) V.Store(F.Forward(V.Load(x + i), parameter), y + i);
            if (rest > 0) V.StorePartial(F.Forward(V.LoadPartial(x + i, rest), parameter), y + i, rest);
        }
    }

    internal readonly struct MapBackwardWork<F>(float* x, float* y, float* dy, float* dx, float a, long count) : IWork
        where F : struct, IFunction
    {
        readonly float* x = x, y = y, dy = dy, dx = dx;
        readonly float a = a;
        readonly long count = count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var (i, whole, rest) = ChunkOf(task, count);
            var parameter = V.Create(a);
            for (; i < whole; i += V.Count) V.Store(F.Backward(V.Load(x + i), V.Load(y + i), V.Load(dy + i), parameter), dx + i);
            if (rest > 0) V.StorePartial(F.Backward(V.LoadPartial(x + i, rest), V.LoadPartial(y + i, rest), V.LoadPartial(dy + i, rest), parameter), dx + i, rest);
        }
    }

    // ---- Clamp --------------------------------------------------------------------------------------------------

    /// <inheritdoc/>
    public void Clamp(float least, float most, DeviceBuffer x, DeviceBuffer y)
        => Workers.Run(new ClampWork(x.ReadOnlyPointer<float>(), y.Pointer<float>(), least, most, y.Length), Chunks(y.Length));

    readonly struct ClampWork(float* x, float* y, float least, float most, long count) : IWork
    {
        readonly float* x = x, y = y;
        readonly float least = least, most = most;
        readonly long count = count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var (i, whole, rest) = ChunkOf(task, count);
            V low = V.Create(least), high = V.Create(most);
            for (; i < whole; i += V.Count) V.Store(Within(V.Load(x + i), low, high), y + i);
            if (rest > 0) V.StorePartial(Within(V.LoadPartial(x + i, rest), low, high), y + i, rest);
        }

        /// <summary>By selection: a NaN is neither below nor above and stays, which instructions for min and max would not promise.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static V Within(V x, V low, V high)
        {
            var raised = V.Select(V.LessThan(x, low), low, x);
            return V.Select(V.GreaterThan(raised, high), high, raised);
        }
    }

    /// <inheritdoc/>
    public void ClampBackward(float least, float most, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dx)
        => Workers.Run(new ClampBackwardWork(x.ReadOnlyPointer<float>(), dy.ReadOnlyPointer<float>(), dx.Pointer<float>(), least, most, dx.Length), Chunks(dx.Length));

    readonly struct ClampBackwardWork(float* x, float* dy, float* dx, float least, float most, long count) : IWork
    {
        readonly float* x = x, dy = dy, dx = dx;
        readonly float least = least, most = most;
        readonly long count = count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var (i, whole, rest) = ChunkOf(task, count);
            V low = V.Create(least), high = V.Create(most);
            for (; i < whole; i += V.Count) V.Store(Passed(V.Load(x + i), V.Load(dy + i), low, high), dx + i);
            if (rest > 0) V.StorePartial(Passed(V.LoadPartial(x + i, rest), V.LoadPartial(dy + i, rest), low, high), dx + i, rest);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static V Passed(V x, V dy, V low, V high)
            => V.Select(V.LessThan(x, low) | V.GreaterThan(x, high) | V.IsNaN(x), V.Zero, dy);
    }

    // ---- Two inputs ---------------------------------------------------------------------------------------------

    internal interface IFunction2
    {
        static abstract V Apply(V a, V b);
    }

    /// <inheritdoc/>
    public void Binary(BinaryOp op, in BroadcastGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer y)
    {
        switch (op)
        {
            case BinaryOp.Add: Combine<AddFunction>(g, a, b, y); break;
            case BinaryOp.Subtract: Combine<SubtractFunction>(g, a, b, y); break;
            case BinaryOp.Multiply: Combine<MultiplyFunction>(g, a, b, y); break;
            case BinaryOp.Divide: Combine<DivideFunction>(g, a, b, y); break;
            case BinaryOp.Maximum: Combine<MaximumFunction>(g, a, b, y); break;
            case BinaryOp.Minimum: Combine<MinimumFunction>(g, a, b, y); break;
            case BinaryOp.Power: Combine<Scalar2<PowerFunction>>(g, a, b, y); break;
            case BinaryOp.PowerByBase: Combine<Scalar2<PowerByBaseFunction>>(g, a, b, y); break;
            case BinaryOp.PowerByExponent: Combine<Scalar2<PowerByExponentFunction>>(g, a, b, y); break;
            case BinaryOp.Remainder: Combine<Scalar2<RemainderFunction>>(g, a, b, y); break;
            case BinaryOp.Greater: Combine<GreaterFunction>(g, a, b, y); break;
            case BinaryOp.GreaterOrEqual: Combine<GreaterOrEqualFunction>(g, a, b, y); break;
            case BinaryOp.Equal: Combine<EqualFunction>(g, a, b, y); break;
            case BinaryOp.GreaterShare: Combine<GreaterShareFunction>(g, a, b, y); break;
            case BinaryOp.Where: Combine<WhereFunction>(g, a, b, y); break;
            case BinaryOp.WhereNot: Combine<WhereNotFunction>(g, a, b, y); break;
            default: throw new ArgumentOutOfRangeException(nameof(op), op, "unknown function of two inputs");
        }
    }

    void Combine<F>(in BroadcastGeometry g, DeviceBuffer a, DeviceBuffer b, DeviceBuffer y)
        where F : struct, IFunction2
    {
        if (g.IsElementwise) Workers.Run(new CombineWork<F>(a.ReadOnlyPointer<float>(), b.ReadOnlyPointer<float>(), y.Pointer<float>(), g.Count), Chunks(g.Count));
        else Workers.Run(new BroadcastWork<F>(Merge(g), a.ReadOnlyPointer<float>(), b.ReadOnlyPointer<float>(), y.Pointer<float>()), Chunks(g.Count));
    }

    /// <summary>Joins neighboring axes along which both inputs run on, so that the innermost runs are long.</summary>
    static BroadcastGeometry Merge(in BroadcastGeometry g)
    {
        Span<long> d = [g.D0, g.D1, g.D2, g.D3], a = [g.A0, g.A1, g.A2, g.A3], b = [g.B0, g.B1, g.B2, g.B3];
        var last = 3;
        for (var axis = 2; axis >= 0; axis--)
        {
            if (d[axis] == 1) continue;
            if (d[last] == 1 && a[axis] is (0 or 1) && b[axis] is (0 or 1))
            {
                (d[last], a[last], b[last]) = (d[axis], a[axis], b[axis]);
            }
            else if (d[last] > 1 && a[axis] == a[last] * d[last] && b[axis] == b[last] * d[last] && d[axis] * d[last] <= int.MaxValue)
            {
                d[last] *= d[axis];
            }
            else
            {
                last--;
                (d[last], a[last], b[last]) = (d[axis], a[axis], b[axis]);
            }
        }

        for (var axis = 0; axis < last; axis++) (d[axis], a[axis], b[axis]) = (1, 0, 0);
        return new((int)d[0], (int)d[1], (int)d[2], (int)d[3], a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]);
    }

    internal readonly struct CombineWork<F>(float* a, float* b, float* y, long count) : IWork
        where F : struct, IFunction2
    {
        readonly float* a = a, b = b, y = y;
        readonly long count = count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var (i, whole, rest) = ChunkOf(task, count);
            for (; i < whole; i += V.Count) V.Store(F.Apply(V.Load(a + i), V.Load(b + i)), y + i);
            if (rest > 0) V.StorePartial(F.Apply(V.LoadPartial(a + i, rest), V.LoadPartial(b + i, rest)), y + i, rest);
        }
    }

    /// <summary>A task has Chunk elements of y, cut into runs along the innermost axis.</summary>
    readonly struct BroadcastWork<F>(in BroadcastGeometry g, float* a, float* b, float* y) : IWork
        where F : struct, IFunction2
    {
        readonly BroadcastGeometry g = g;
        readonly float* a = a, b = b, y = y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var at = task * Chunk;
            var end = Math.Min(at + Chunk, g.Count);
            var row = at / g.D3;
            var i3 = (int)(at % g.D3);
            var i2 = (int)(row % g.D2);
            var i1 = (int)(row / g.D2 % g.D1);
            var i0 = (int)(row / g.D2 / g.D1);
            while (at < end)
            {
                var run = (int)Math.Min(g.D3 - i3, end - at);
                Row(a + (i0 * g.A0) + (i1 * g.A1) + (i2 * g.A2) + (i3 * g.A3), b + (i0 * g.B0) + (i1 * g.B1) + (i2 * g.B2) + (i3 * g.B3), y + at, run);
                at += run;
                i3 = 0;
                if (++i2 < g.D2) continue;
                i2 = 0;
                if (++i1 < g.D1) continue;
                i1 = 0;
                i0++;
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        void Row(float* a, float* b, float* y, int count)
        {
            var i = 0;
            var whole = count - (count % V.Count);
            var rest = count - whole;
            if (g.A3 == 0 && g.B3 == 0)
            {
                var value = F.Apply(V.Create(*a), V.Create(*b));
                for (; i < whole; i += V.Count) V.Store(value, y + i);
                if (rest > 0) V.StorePartial(value, y + i, rest);
            }
            else if (g.A3 == 0)
            {
                var left = V.Create(*a);
                for (; i < whole; i += V.Count) V.Store(F.Apply(left, V.Load(b + i)), y + i);
                if (rest > 0) V.StorePartial(F.Apply(left, V.LoadPartial(b + i, rest)), y + i, rest);
            }
            else if (g.B3 == 0)
            {
                var right = V.Create(*b);
                for (; i < whole; i += V.Count) V.Store(F.Apply(V.Load(a + i), right), y + i);
                if (rest > 0) V.StorePartial(F.Apply(V.LoadPartial(a + i, rest), right), y + i, rest);
            }
            else
            {
                for (; i < whole; i += V.Count) V.Store(F.Apply(V.Load(a + i), V.Load(b + i)), y + i);
                if (rest > 0) V.StorePartial(F.Apply(V.LoadPartial(a + i, rest), V.LoadPartial(b + i, rest)), y + i, rest);
            }
        }
    }

    readonly struct AddFunction : IFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => a + b;
    }

    readonly struct SubtractFunction : IFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => a - b;
    }

    readonly struct MultiplyFunction : IFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => a * b;
    }

    readonly struct DivideFunction : IFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => a / b;
    }

    readonly struct MaximumFunction : IFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => V.Select(V.GreaterThan(a, b) | V.IsNaN(a), a, b);
    }

    readonly struct MinimumFunction : IFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => V.Select(V.LessThan(a, b) | V.IsNaN(a), a, b);
    }

    readonly struct GreaterFunction : IFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => V.GreaterThan(a, b) & One;
    }

    readonly struct GreaterOrEqualFunction : IFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => V.Select(V.LessThan(a, b) | V.IsNaN(a) | V.IsNaN(b), V.Zero, One);
    }

    readonly struct EqualFunction : IFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => V.Select(V.LessThan(a, b) | V.GreaterThan(a, b) | V.IsNaN(a) | V.IsNaN(b), V.Zero, One);
    }

    readonly struct GreaterShareFunction : IFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => V.Select(V.GreaterThan(a, b), One, EqualFunction.Apply(a, b) * V.Create(0.5f));
    }

    readonly struct WhereFunction : IFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => (V.GreaterThan(b, V.Zero) | V.LessThan(b, V.Zero) | V.IsNaN(b)) & a;
    }

    readonly struct WhereNotFunction : IFunction2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply(V a, V b) => V.Select(V.GreaterThan(b, V.Zero) | V.LessThan(b, V.Zero) | V.IsNaN(b), V.Zero, a);
    }

    /// <summary>A function of two numbers, applied lane by lane: it has no vector form worth its code.</summary>
    interface IScalarFunction2
    {
        static abstract float Apply(float a, float b);
    }

    readonly struct Scalar2<F> : IFunction2
        where F : struct, IScalarFunction2
    {
        public static V Apply(V a, V b)
        {
            float* left = stackalloc float[V.Count], right = stackalloc float[V.Count];
            V.Store(a, left);
            V.Store(b, right);
            for (var i = 0; i < V.Count; i++) left[i] = F.Apply(left[i], right[i]);
            return V.Load(left);
        }
    }

    readonly struct PowerFunction : IScalarFunction2
    {
        public static float Apply(float a, float b) => MathF.Pow(a, b);
    }

    readonly struct PowerByBaseFunction : IScalarFunction2
    {
        public static float Apply(float a, float b) => b == 0 ? 0 : b * MathF.Pow(a, b - 1);
    }

    readonly struct PowerByExponentFunction : IScalarFunction2
    {
        public static float Apply(float a, float b) => a == 0 && b >= 0 ? 0 : MathF.Pow(a, b) * MathF.Log(a);
    }

    readonly struct RemainderFunction : IScalarFunction2
    {
        public static float Apply(float a, float b) => a % b;
    }

    /// <inheritdoc/>
    public void AddScaled(float scale, DeviceBuffer x, DeviceBuffer y)
        => Workers.Run(new AddScaledWork(x.ReadOnlyPointer<float>(), y.Pointer<float>(), scale, y.Length), Chunks(y.Length));

    readonly struct AddScaledWork(float* x, float* y, float scale, long count) : IWork
    {
        readonly float* x = x, y = y;
        readonly float scale = scale;
        readonly long count = count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var (i, whole, rest) = ChunkOf(task, count);
            var factor = V.Create(scale);
            for (; i < whole; i += V.Count) V.Store(V.Fma(factor, V.Load(x + i), V.Load(y + i)), y + i);
            if (rest > 0) V.StorePartial(V.Fma(factor, V.LoadPartial(x + i, rest), V.LoadPartial(y + i, rest)), y + i, rest);
        }
    }

    // ---- PReLU (He et al. 2015, "Delving deep into rectifiers") ---------------------------------------------------

    /// <inheritdoc/>
    public void PReluForward(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer y)
    {
        if (w.Length == 1) Map<LeakyReluFunction>(*w.ReadOnlyPointer<float>(), x, y);
        else Workers.Run(new PReluWork(x.ReadOnlyPointer<float>(), x.ReadOnlyPointer<float>(), w.ReadOnlyPointer<float>(), y.Pointer<float>(), rows, channels), RowTasks(rows, channels));
    }

    /// <inheritdoc/>
    public void PReluBackwardInput(long rows, int channels, DeviceBuffer x, DeviceBuffer w, DeviceBuffer dy, DeviceBuffer dx)
    {
        if (w.Length == 1) MapBackward<LeakyReluFunction>(*w.ReadOnlyPointer<float>(), x, x, dy, dx);
        else Workers.Run(new PReluWork(x.ReadOnlyPointer<float>(), dy.ReadOnlyPointer<float>(), w.ReadOnlyPointer<float>(), dx.Pointer<float>(), rows, channels), RowTasks(rows, channels));
    }

    /// <inheritdoc/>
    public void PReluBackwardWeight(long rows, int channels, DeviceBuffer x, DeviceBuffer dy, DeviceBuffer dw)
    {
        var terms = new PReluTerms(x.ReadOnlyPointer<float>(), dy.ReadOnlyPointer<float>());
        if (dw.Length == 1) SumRows(terms, rows * channels, 1, dw.Pointer<float>(), null);
        else SumRows(terms, rows, channels, dw.Pointer<float>(), null);
    }

    /// <summary>target = source where x > 0, else w[c] source: forward with the source x, backward with the source dy.</summary>
    readonly struct PReluWork(float* x, float* source, float* w, float* target, long rows, int channels) : IWork
    {
        readonly float* x = x, source = source, w = w, target = target;
        readonly long rows = rows;
        readonly int channels = channels;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var end = Math.Min(rows, (task + 1) * RowsPerTask(channels));
            for (var row = task * RowsPerTask(channels); row < end; row++)
            {
                var at = row * channels;
                var c = 0;
                for (; c <= channels - V.Count; c += V.Count) V.Store(Apply(V.Load(x + at + c), V.Load(source + at + c), V.Load(w + c)), target + at + c);
                var rest = channels - c;
                if (rest > 0) V.StorePartial(Apply(V.LoadPartial(x + at + c, rest), V.LoadPartial(source + at + c, rest), V.LoadPartial(w + c, rest)), target + at + c, rest);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static V Apply(V x, V source, V w) => V.Select(V.GreaterThan(x, V.Zero), source, w * source);
    }

    /// <summary>dy x where x is not above 0.</summary>
    readonly struct PReluTerms(float* x, float* dy) : ITerms
    {
        readonly float* x = x, dy = dy;

        public static int Sums => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Get(long i, int lane, int count, out V first, out V second)
        {
            var value = LoadUpTo(x + i, count);
            first = V.Select(V.GreaterThan(value, V.Zero), V.Zero, LoadUpTo(dy + i, count) * value);
            second = V.Zero;
        }
    }

    // ---- Maxout (Goodfellow et al. 2013) --------------------------------------------------------------------------

    /// <inheritdoc/>
    public void MaxoutForward(long rows, int channels, int pieces, DeviceBuffer x, DeviceBuffer y, DeviceBuffer indices)
        => Workers.Run(new MaxoutWork(x.ReadOnlyPointer<float>(), y.Pointer<float>(), indices.Pointer<int>(), rows * channels, pieces), Chunks(rows * channels * pieces));

    /// <summary>Piece by piece: the pieces of a channel lie beside each other, a handful of them.</summary>
    readonly struct MaxoutWork(float* x, float* y, int* indices, long count, int pieces) : IWork
    {
        readonly float* x = x, y = y;
        readonly int* indices = indices;
        readonly long count = count;
        readonly int pieces = pieces;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var tasks = Chunks(count * pieces);
            var end = count * (task + 1) / tasks;
            for (var i = count * task / tasks; i < end; i++)
            {
                var place = FirstGreatest(x + (i * pieces), pieces);
                y[i] = x[(i * pieces) + place];
                indices[i] = place;
            }
        }
    }

    /// <inheritdoc/>
    public void MaxoutBackward(long rows, int channels, int pieces, DeviceBuffer dy, DeviceBuffer indices, DeviceBuffer dx)
        => Workers.Run(new MaxoutBackwardWork(dy.ReadOnlyPointer<float>(), indices.ReadOnlyPointer<int>(), dx.Pointer<float>(), rows * channels, pieces), Chunks(rows * channels * pieces));

    readonly struct MaxoutBackwardWork(float* dy, int* indices, float* dx, long count, int pieces) : IWork
    {
        readonly float* dy = dy, dx = dx;
        readonly int* indices = indices;
        readonly long count = count;
        readonly int pieces = pieces;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var tasks = Chunks(count * pieces);
            var end = count * (task + 1) / tasks;
            for (var i = count * task / tasks; i < end; i++)
            {
                for (var p = 0; p < pieces; p++) dx[(i * pieces) + p] = p == indices[i] ? dy[i] : 0f;
            }
        }
    }

    // ---- Dropout (Srivastava et al. 2014), inverted -----------------------------------------------------------------

    /// <inheritdoc/>
    public void Dropout(float probability, ulong seed, ulong stream, DeviceBuffer x, DeviceBuffer y)
        => Workers.Run(new DropoutWork(x.ReadOnlyPointer<float>(), y.Pointer<float>(), probability, seed, stream, y.Length), Chunks(y.Length));

    /// <summary>
    /// Limited by the generator: 20 multiplications for four numbers, so with AVX2 four blocks at a time, one a 64-bit
    /// lane. A chunk starts with a whole block.
    /// </summary>
    readonly struct DropoutWork(float* x, float* y, float probability, ulong seed, ulong stream, long count) : IWork
    {
        readonly float* x = x, y = y;
        readonly ulong threshold = (ulong)((double)probability * 4294967296.0);
        readonly float kept = 1f - probability;
        readonly ulong seed = seed, stream = stream;
        readonly long count = count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int task, int worker)
        {
            var i = task * Chunk;
            var end = Math.Min(i + Chunk, count);

            // A threshold of 2^32 (nothing is kept) is no 32-bit number; it goes the plain way.
            if (V.Count > 4 && Avx2.IsSupported && threshold <= uint.MaxValue)
            {
                var least = Vector256.Create((uint)threshold);
                var divisor = Vector256.Create(kept);
                for (; i + 16 <= end; i += 16)
                {
                    PhiloxBlocks((ulong)i / 4, out var first, out var second);
                    (Vector256.GreaterThanOrEqual(first, least).AsSingle() & (Vector256.Load(x + i) / divisor)).Store(y + i);
                    (Vector256.GreaterThanOrEqual(second, least).AsSingle() & (Vector256.Load(x + i + 8) / divisor)).Store(y + i + 8);
                }
            }

            for (; i < end; i++) y[i] = Philox.At(seed, stream, (ulong)i) >= threshold ? x[i] / kept : 0f;
        }

        /// <summary>The 16 numbers of <see cref="Philox.Block"/> for four blocks, in order. Each word has a 64-bit lane a block, its upper half ignored.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        void PhiloxBlocks(ulong block, out Vector256<uint> first, out Vector256<uint> second)
        {
            var counter = Vector256.Create(block) + Vector256<ulong>.Indices;
            Vector256<ulong> c0 = counter, c1 = counter >> 32, c2 = Vector256.Create(stream), c3 = Vector256.Create(stream >> 32);
            Vector256<ulong> m0 = Vector256.Create((ulong)Philox.M0), m1 = Vector256.Create((ulong)Philox.M1);
            uint k0 = (uint)seed, k1 = (uint)(seed >> 32);
            for (var round = 0; round < 10; round++)
            {
                var p0 = Avx2.Multiply(c0.AsUInt32(), m0.AsUInt32());
                var p1 = Avx2.Multiply(c2.AsUInt32(), m1.AsUInt32());
                c0 = (p1 >> 32) ^ c1 ^ Vector256.Create((ulong)k0);
                c2 = (p0 >> 32) ^ c3 ^ Vector256.Create((ulong)k1);
                c1 = p1;
                c3 = p0;
                k0 += Philox.W0;
                k1 += Philox.W1;
            }

            // Words 0 and 1 of each block, words 2 and 3 of each; then block 0 and 2, block 1 and 3; then in order.
            var low = Vector256.Create(0xFFFFFFFFul);
            Vector256<ulong> front = (c0 & low) | (c1 << 32), back = (c2 & low) | (c3 << 32);
            Vector256<ulong> even = Avx2.UnpackLow(front, back), odd = Avx2.UnpackHigh(front, back);
            first = Avx2.Permute2x128(even, odd, 0x20).AsUInt32();
            second = Avx2.Permute2x128(even, odd, 0x31).AsUInt32();
        }
    }
}
