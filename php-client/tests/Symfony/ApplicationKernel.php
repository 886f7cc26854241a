<?php

declare(strict_types=1);

namespace Hawser\Tests\Symfony;

use Psr\Log\NullLogger;
use Symfony\Bundle\FrameworkBundle\FrameworkBundle;
use Symfony\Component\Config\Loader\LoaderInterface;
use Symfony\Component\DependencyInjection\ContainerBuilder;
use Symfony\Component\HttpKernel\Kernel;

/**
 * The smallest application: the framework, and the configuration of one folder.
 */
final class ApplicationKernel extends Kernel
{
    public function __construct(private readonly string $folder)
    {
        parent::__construct('prod', false);
    }

    /**
     * @return iterable<FrameworkBundle>
     */
    public function registerBundles(): iterable
    {
        yield new FrameworkBundle();
    }

    public function registerContainerConfiguration(LoaderInterface $loader): void
    {
        $loader->load("{$this->folder}/config/packages/framework.yaml");
        $loader->load("{$this->folder}/config/services.yaml");
        $loader->load(static function (ContainerBuilder $container): void {
            $container->loadFromExtension('framework', ['secret' => 'x', 'http_method_override' => false, 'php_errors' => ['log' => false]]);
            $container->register('logger', NullLogger::class)->setPublic(true);
            $container->setAlias('test.default', 'http_client')->setPublic(true);
            $container->setAlias('test.orders', 'orders.client')->setPublic(true);
        });
    }

    public function getProjectDir(): string
    {
        return $this->folder;
    }

    public static function remove(string $path): void
    {
        foreach (is_dir($path) && !is_link($path) ? array_diff(scandir($path) ?: [], ['.', '..']) : [] as $name) {
            self::remove("{$path}/{$name}");
        }
        is_dir($path) ? rmdir($path) : unlink($path);
    }
}
