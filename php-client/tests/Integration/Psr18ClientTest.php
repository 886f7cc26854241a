<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use GuzzleHttp\Psr7\HttpFactory;
use GuzzleHttp\Psr7\PumpStream;
use Hawser\Exception\InvalidArgumentException;
use Hawser\Psr18Client;
use Hawser\Tests\Support\BrokerFrames;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\FakeBroker;
use LogicException;
use Nyholm\Psr7\Factory\Psr17Factory;
use PHPUnit\Framework\Attributes\DataProvider;
use Psr\Http\Client\NetworkExceptionInterface;
use Psr\Http\Client\RequestExceptionInterface;
use Psr\Http\Message\RequestFactoryInterface;
use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\StreamFactoryInterface;

final class Psr18ClientTest extends ClientTestCase
{
    /**
     * @return iterable<string, array{RequestFactoryInterface&ResponseFactoryInterface&StreamFactoryInterface}>
     */
    public static function factories(): iterable
    {
        yield 'nyholm' => [new Psr17Factory()];
        yield 'guzzle' => [new HttpFactory()];
    }

    #[DataProvider('factories')]
    public function testMapsRequestAndResponse(RequestFactoryInterface&ResponseFactoryInterface&StreamFactoryInterface $factory): void
    {
        $broker = self::answering(BrokerFrames::response(1, 'not there', 404, ['content-type', 'text/plain', 'set-cookie', 'a=1', 'set-cookie', 'b=2']));
        $request = $factory->createRequest('POST', 'https://api.example.com/v1?x=1#part')
            ->withHeader('X-Many', ['1', '2'])
            ->withBody($factory->createStream('hello'));
        $response = (new Psr18Client(self::client($broker), $factory, $factory))->sendRequest($request);

        self::assertSame(404, $response->getStatusCode());
        self::assertSame('not there', (string) $response->getBody());
        self::assertSame(['a=1', 'b=2'], $response->getHeader('Set-Cookie'));
        self::assertSame('text/plain', $response->getHeaderLine('content-type'));
        self::assertSame('2', $response->getProtocolVersion());
        $sent = $broker->report();
        self::assertIsArray($sent);
        self::assertSame(['POST', 'https://api.example.com/v1?x=1', ['host', 'api.example.com', 'x-many', '1', 'x-many', '2'], 'hello'], \array_slice($sent, 4));
    }

    #[DataProvider('factories')]
    public function testSendsALargeBodyAsItIsRead(RequestFactoryInterface&ResponseFactoryInterface&StreamFactoryInterface $factory): void
    {
        foreach ([true, false] as $hasSize) {
            $broker = FakeBroker::run(static function (FakeBroker $broker): array {
                $peer = $broker->accept()->hello();
                $request = $peer->frame();
                $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::window(1, 1_000_000));
                $bytes = 0;
                while (($frame = $peer->frame()) !== null && $frame[0] === 5 && \is_string($frame[2])) {
                    $bytes += \strlen($frame[2]);
                }
                $peer->send(BrokerFrames::response(1));

                return [$request[6] ?? null, $bytes];
            });
            $left = 600_000;
            $stream = $hasSize ? $factory->createStream(str_repeat('x', $left)) : new PumpStream(static function (int $bytes) use (&$left): string|false {
                $bytes = min($bytes, $left);
                $left -= $bytes;

                return $bytes === 0 ? false : str_repeat('x', $bytes);
            });
            if ($hasSize) {
                $stream->getContents(); // its cursor stands at the end, and the whole of it is sent all the same
            }
            $request = $factory->createRequest('PUT', 'https://api.example.com/')->withoutHeader('Host')->withBody($stream);
            (new Psr18Client(self::client($broker), $factory, $factory))->sendRequest($request);
            self::assertSame([$hasSize ? ['content-length', '600000'] : [], 600_000], $broker->report());
        }
    }

    public function testItsExceptionsHoldTheRequest(): void
    {
        $broker = self::answering(BrokerFrames::error(1, 41, 'connect_refused', processed: 0));
        $client = new Psr18Client(self::client($broker));
        $request = (new Psr17Factory())->createRequest('GET', 'https://api.example.com/');
        $e = self::thrown(NetworkExceptionInterface::class, static fn() => $client->sendRequest($request));
        self::assertSame($request, $e->getRequest());
        self::assertSame(41, $e->getCode());

        $broker = self::answering(BrokerFrames::error(1, 20, 'request_invalid', processed: 0));
        $client = new Psr18Client(self::client($broker));
        $e = self::thrown(RequestExceptionInterface::class, static fn() => $client->sendRequest($request));
        self::assertSame($request, $e->getRequest());

        $broker = self::answering(BrokerFrames::error(1, 41, 'connect_refused', processed: 0));
        $client = self::client($broker);
        $e = self::thrown(NetworkExceptionInterface::class, static fn() => $client->request('GET', self::URL));
        self::thrown(LogicException::class, static fn() => $e->getRequest());
    }

    public function testFindsInstalledFactories(): void
    {
        $broker = self::answering(BrokerFrames::response(1, 'ok'));
        $client = new Psr18Client(self::client($broker));
        self::assertSame('ok', (string) $client->sendRequest((new Psr17Factory())->createRequest('GET', 'https://api.example.com/'))->getBody());
    }

    public function testSaysWhatIsMissingWhereNoFactoryIsInstalled(): void
    {
        $code = 'spl_autoload_register(static function (string $class): void {
                $file = $argv[1] ?? $GLOBALS["argv"][1];
                if (str_starts_with($class, "Hawser\\\\")) { require $file . "/src/" . strtr(substr($class, 7), "\\\\", "/") . ".php"; }
                foreach (["http-client", "http-message", "http-factory", "log"] as $package) {
                    $path = "$file/vendor/psr/$package/src/" . basename(strtr($class, "\\\\", "/")) . ".php";
                    if (str_starts_with($class, "Psr\\\\") && is_file($path)) { require_once $path; }
                }
            });
            try { new Hawser\\Psr18Client(new Hawser\\Client()); } catch (' . InvalidArgumentException::class . ' $e) { echo $e->getMessage(); }';
        $process = proc_open([PHP_BINARY, '-r', $code, \dirname(__DIR__, 2)], [1 => ['pipe', 'w']], $pipes);
        self::assertIsResource($process);
        self::assertSame(
            'Psr18Client: no ResponseFactoryInterface was given, and neither nyholm/psr7 nor guzzlehttp/psr7 is installed to make one.',
            stream_get_contents($pipes[1]),
        );
    }

    private static function answering(string $answer): FakeBroker
    {
        return FakeBroker::run(static function (FakeBroker $broker) use ($answer): mixed {
            $peer = $broker->accept()->hello();
            $request = $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . $answer);

            return $request;
        });
    }
}
