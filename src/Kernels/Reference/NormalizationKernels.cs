using System.Numerics;

namespace CnnSharp.Kernels.Reference;

/// <summary>Normalizations as plain loops.</summary>
/// <typeparam name="T">float or double.</typeparam>
sealed class NormalizationKernels<T> : ReferenceKernelFamily<T>, INormalizationKernels
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public void BatchNormForward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y, DeviceBuffer mean, DeviceBuffer invStd)
    {
        Elements input = new(x);
        WritableElements batchMean = new(mean), batchInvStd = new(invStd), movingMean = new(runningMean), movingVariance = new(runningVariance);
        for (var c = 0; c < g.Channels; c++)
        {
            var sum = 0.0;
            for (long row = 0; row < g.Rows; row++) sum += input[(row * g.Channels) + c];
            var m = sum / g.Rows;
            var squares = 0.0;
            for (long row = 0; row < g.Rows; row++) squares += Square(input[(row * g.Channels) + c] - m);
            var s = 1 / Math.Sqrt((squares / g.Rows) + g.Epsilon);

            NormalizeChannel(g, c, m, s, x, weight, bias, add, y);
            batchMean[c] = m;
            batchInvStd[c] = s;

            // A single row has no unbiased variance; it counts as 0, like its biased one.
            var unbiased = squares / Math.Max(g.Rows - 1, 1);
            movingMean[c] += g.Momentum * (m - movingMean[c]);
            movingVariance[c] += g.Momentum * (unbiased - movingVariance[c]);
        }
    }

    public void BatchNormBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer mean, DeviceBuffer invStd, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db)
    {
        Elements batchMean = new(mean), batchInvStd = new(invStd);
        for (var c = 0; c < g.Channels; c++)
            NormalizeChannelBackward(g, c, batchMean[c], batchInvStd[c], batchStatistics: true, x, y, dy, weight, dx, dadd, dw, db);
    }

    public void BatchNormInference(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? add, DeviceBuffer y)
    {
        Elements mean = new(runningMean), variance = new(runningVariance);
        for (var c = 0; c < g.Channels; c++)
            NormalizeChannel(g, c, mean[c], 1 / Math.Sqrt(variance[c] + g.Epsilon), x, weight, bias, add, y);
    }

    public void BatchNormInferenceBackward(in BatchNormGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer runningMean, DeviceBuffer runningVariance, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db)
    {
        Elements mean = new(runningMean), variance = new(runningVariance);
        for (var c = 0; c < g.Channels; c++)
            NormalizeChannelBackward(g, c, mean[c], 1 / Math.Sqrt(variance[c] + g.Epsilon), batchStatistics: false, x, y, dy, weight, dx, dadd, dw, db);
    }

    /// <summary>y = act(weight (x - mean) invStd + bias + add) for channel c.</summary>
    static void NormalizeChannel(in BatchNormGeometry g, int c, double mean, double invStd, DeviceBuffer x, DeviceBuffer weight, DeviceBuffer bias, DeviceBuffer? add, DeviceBuffer y)
    {
        Elements input = new(x), addend = add is null ? default : new(add);
        WritableElements output = new(y);
        double w = new Elements(weight)[c], b = new Elements(bias)[c];
        for (long row = 0; row < g.Rows; row++)
        {
            var i = (row * g.Channels) + c;
            output[i] = Activate(g.Activation, (w * (input[i] - mean) * invStd) + b + (add is null ? 0 : addend[i]));
        }
    }

    /// <summary>
    /// With g' = dy where the activation passed and h = (x - mean) invStd: db = sum g'; dw = sum g' h; dadd = g';
    /// dx = weight invStd g', less what came through mean and invStd where these are the batch's own.
    /// </summary>
    static void NormalizeChannelBackward(in BatchNormGeometry g, int c, double mean, double invStd, bool batchStatistics, DeviceBuffer x, DeviceBuffer y, DeviceBuffer dy, DeviceBuffer weight, DeviceBuffer? dx, DeviceBuffer? dadd, DeviceBuffer dw, DeviceBuffer db)
    {
        Elements input = new(x), output = new(y), upstream = new(dy);
        WritableElements weightGradient = new(dw), biasGradient = new(db);
        var w = new Elements(weight)[c];
        double sum = 0, sumH = 0;
        for (long row = 0; row < g.Rows; row++)
        {
            var i = (row * g.Channels) + c;
            if (!Passes(g.Activation, output[i])) continue;
            sum += upstream[i];
            sumH += upstream[i] * (input[i] - mean) * invStd;
        }

        biasGradient[c] = sum;
        weightGradient[c] = sumH;

        WritableElements inputGradient = dx is null ? default : new(dx), addGradient = dadd is null ? default : new(dadd);
        for (long row = 0; row < g.Rows; row++)
        {
            var i = (row * g.Channels) + c;
            var passed = Passes(g.Activation, output[i]) ? upstream[i] : 0;
            var h = (input[i] - mean) * invStd;
            if (dx is not null) inputGradient[i] = w * invStd * (batchStatistics ? passed - (sum / g.Rows) - (h * sumH / g.Rows) : passed);
            if (dadd is not null) addGradient[i] = passed;
        }
    }

    public void LrnForward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale)
    {
        Elements input = new(x);
        WritableElements output = new(y), scales = new(scale);
        for (long row = 0; row < g.Rows; row++)
        {
            for (var c = 0; c < g.Channels; c++)
            {
                var squares = 0.0;
                var last = Math.Min(c + ((g.Size - 1) / 2), g.Channels - 1);
                for (var near = Math.Max(c - (g.Size / 2), 0); near <= last; near++) squares += Square(input[(row * g.Channels) + near]);

                var i = (row * g.Channels) + c;
                var s = g.K + ((double)g.Alpha / g.Size * squares);
                scales[i] = s;
                output[i] = input[i] * Math.Pow(s, -g.Beta);
            }
        }
    }

    public void LrnBackward(in LrnGeometry g, DeviceBuffer x, DeviceBuffer y, DeviceBuffer scale, DeviceBuffer dy, DeviceBuffer dx)
    {
        Elements input = new(x), output = new(y), scales = new(scale), upstream = new(dy);
        WritableElements gradient = new(dx);
        for (long row = 0; row < g.Rows; row++)
        {
            for (var c = 0; c < g.Channels; c++)
            {
                // The windows that hold c: the mirror image of c's own window.
                var sum = 0.0;
                var last = Math.Min(c + (g.Size / 2), g.Channels - 1);
                for (var near = Math.Max(c - ((g.Size - 1) / 2), 0); near <= last; near++)
                {
                    var j = (row * g.Channels) + near;
                    sum += upstream[j] * output[j] / scales[j];
                }

                var i = (row * g.Channels) + c;
                gradient[i] = (upstream[i] * Math.Pow(scales[i], -g.Beta)) - (2.0 * g.Alpha * g.Beta / g.Size * input[i] * sum);
            }
        }
    }
}
