// A web API that says what is on an image, and a page to drop one on: http://localhost:5000
//
//   dotnet run -c Release --project samples/WebApi                                  learns clothes from the built-in images first: seconds
//   dotnet run -c Release --project samples/WebApi -- --checkpoint runs/cifar10-resnet20/1/checkpoint.safetensors --urls http://0.0.0.0:8080
//   curl --data-binary @cat.png -H 'Content-Type: image/png' http://localhost:5000/classify
//   curl -F image=@cat.png http://localhost:5000/classify
using WebApi;

ImageApi.Build(args).Run();
