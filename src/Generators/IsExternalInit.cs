namespace System.Runtime.CompilerServices;

/// <summary>What records ask for, and .NET Standard 2.0 lacks.</summary>
static class IsExternalInit;
