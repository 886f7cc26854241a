<?php

declare(strict_types=1);

namespace Hawser\Tests\Integration;

use Hawser\Tests\Support\BrokerFrames;
use Hawser\Tests\Support\ClientTestCase;
use Hawser\Tests\Support\FakeBroker;
use Hawser\Tests\Support\SystemCalls;

/**
 * A small exchange costs one write and one read on the socket, HELLO and WELCOME included.
 */
final class OneWriteOneReadTest extends ClientTestCase
{
    protected function setUp(): void
    {
        if (!SystemCalls::areCountable()) {
            self::markTestSkipped('counting system calls needs ext-ffi on Linux x86-64');
        }
    }

    public function testTheFirstExchangeAndEachFollowingOne(): void
    {
        $broker = FakeBroker::run(static function (FakeBroker $broker): void {
            $peer = $broker->accept()->hello();
            $peer->frame();
            $peer->send(BrokerFrames::welcome($peer->nonce) . BrokerFrames::response(1, str_repeat('x', 512)));
            $peer->frame();
            $peer->send(BrokerFrames::response(2, str_repeat('x', 8000)));
        });
        $calls = SystemCalls::of(
            <<<'PHP'
                require $argv[1];
                $client = new Hawser\Client(new Hawser\ClientOptions($argv[2], Hawser\Fallback::Fail, 5000));
                $options = ['headers' => ['accept' => 'application/json'], 'body' => 'hello'];
                class_exists(Hawser\Response::class); class_exists(Hawser\Internal\Connection\Connection::class);
                //-- count --
                $first = $client->request('POST', 'https://example.com/', $options);
                $second = $client->request('POST', 'https://example.com/', $options);
                if (strlen($first->body()) !== 512 || strlen($second->body()) !== 8000) { echo 'wrong'; }
                posix_kill(getmypid(), SIGKILL);
                PHP,
            [\dirname(__DIR__, 2) . '/vendor/autoload.php', $broker->socket],
        );
        $transfers = array_values(array_intersect($calls, ['read', 'write', 'readv', 'writev', 'send', 'receive']));
        self::assertSame(['send', 'receive', 'send', 'receive'], $transfers, implode(' ', $calls));
    }
}
