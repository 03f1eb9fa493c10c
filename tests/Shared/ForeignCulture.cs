using System.Globalization;
using Xunit;

namespace CnnSharp.Tests;

/// <summary>Cultures that say numbers otherwise than files do, whether or not this process knows the world's cultures.</summary>
sealed class ForeignCulture : IDisposable
{
    readonly CultureInfo before = CultureInfo.CurrentCulture, beforeForTexts = CultureInfo.CurrentUICulture;

    ForeignCulture(CultureInfo culture) => (CultureInfo.CurrentCulture, CultureInfo.CurrentUICulture) = (culture, culture);

    /// <summary>What is particular about each: the signs and separators, digits, and the letter i.</summary>
    public static TheoryData<string> Names => ["sv-SE", "tr-TR", "ar-SA", "fa-IR"];

    /// <summary>Sets a culture until the result is disposed.</summary>
    public static ForeignCulture Of(string name)
    {
        CultureInfo culture;
        try
        {
            culture = (CultureInfo)CultureInfo.GetCultureInfo(name).Clone();
        }
        catch (CultureNotFoundException)
        {
            culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        }

        // In a process without the world's cultures all are as the invariant one.
        var numbers = culture.NumberFormat;
        numbers.NegativeSign = name switch { "ar-SA" => "\u061C-", "fa-IR" => "\u200E\u2212", _ => "\u2212" };
        numbers.PositiveSign = "\u200E+";
        (numbers.NumberDecimalSeparator, numbers.NumberGroupSeparator) = name is "ar-SA" or "fa-IR" ? ("\u066B", "\u066C") : (",", "\u00A0");
        (numbers.PercentDecimalSeparator, numbers.PercentGroupSeparator, numbers.PercentSymbol) = (numbers.NumberDecimalSeparator, numbers.NumberGroupSeparator, "\u066A");
        (numbers.NaNSymbol, numbers.PositiveInfinitySymbol, numbers.NegativeInfinitySymbol) = ("\u00A4\u00A4\u00A4", "\u221E", "\u2212\u221E");
        if (name is "ar-SA" or "fa-IR")
        {
            numbers.NativeDigits = ["\u06F0", "\u06F1", "\u06F2", "\u06F3", "\u06F4", "\u06F5", "\u06F6", "\u06F7", "\u06F8", "\u06F9"];
            numbers.DigitSubstitution = DigitShapes.NativeNational;
        }

        culture.DateTimeFormat.DateSeparator = ".";
        culture.DateTimeFormat.TimeSeparator = ".";
        return new(culture);
    }

    public void Dispose() => (CultureInfo.CurrentCulture, CultureInfo.CurrentUICulture) = (before, beforeForTexts);
}
