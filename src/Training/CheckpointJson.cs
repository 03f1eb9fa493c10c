using System.Text.Json.Serialization;

namespace CnnSharp.Training;

/// <summary>How each value in a checkpoint's metadata is written: made by the compiler, so that a trimmed program keeps what it needs.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ModelDescription))]
[JsonSerializable(typeof(TrainingOptions))]
[JsonSerializable(typeof(MeterSums))]
[JsonSerializable(typeof(IReadOnlyList<EpochResult>))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(float[]))]
[JsonSerializable(typeof(int))]
[JsonSerializable(typeof(long))]
[JsonSerializable(typeof(ulong))]
[JsonSerializable(typeof(double?))]
sealed partial class CheckpointJson : JsonSerializerContext;
