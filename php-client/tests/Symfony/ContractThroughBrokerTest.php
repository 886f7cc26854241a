<?php

declare(strict_types=1);

namespace Hawser\Tests\Symfony;

use Hawser\ClientOptions;
use Hawser\FallbackEvent;
use Hawser\Tests\Support\Stand;
use PHPUnit\Framework\Attributes\Group;

/**
 * The contract through a real broker. What only a connection of one's own can do goes direct, as the guide says.
 */
#[Group('one-codec')]
final class ContractThroughBrokerTest extends ContractTestCase
{
    protected static function options(): ClientOptions
    {
        return new ClientOptions(
            socket: Stand::shared()->socket,
            connectTimeoutMs: 10_000,
            onFallback: static function (FallbackEvent $event): never {
                self::fail("this run is about the broker: {$event->reason}");
            },
        );
    }
}
