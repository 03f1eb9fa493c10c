Console.WriteLine("cnnsharp");
